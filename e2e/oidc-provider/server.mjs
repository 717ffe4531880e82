// The certified OpenID provider, for the end-to-end tests.
// One argument: JSON with modules (the node_modules folder), port, issuer,
// client_id, client_secret, redirect_uris, post_logout_redirect_uris.
const config = JSON.parse(process.argv[2]);
const { default: Provider } = await import(`${config.modules}/oidc-provider/lib/index.js`);

const groups = {
  ada: ['dagster-admins'], edda: ['dagster-editors'], vic: ['dagster-viewers'],
  'ada.lovelace': ['data-platform', 'leads'], 'grace.hopper': ['data-engineering', 'on-call'], 'alan.turing': ['marketing', 'analytics'],
  'katherine.johnson': ['on-call'], 'mary.jackson': ['analytics'], 'edsger.dijkstra': ['research'],
};

// "ada.lovelace" is called Ada Lovelace, all others are called as they sign in.
const name = (id) => (/^[a-z]+\.[a-z]+$/.test(id) ? id.split('.').map((w) => w[0].toUpperCase() + w.slice(1)).join(' ') : id);

const account = (id) => ({
  accountId: id,
  claims: () => ({
    sub: id,
    name: name(id),
    email: `${id}@example.com`,
    email_verified: id !== 'uma',
    groups: groups[id] ?? [],
  }),
});

const provider = new Provider(config.issuer, {
  clients: [{
    client_id: config.client_id,
    client_secret: config.client_secret,
    redirect_uris: config.redirect_uris,
    post_logout_redirect_uris: config.post_logout_redirect_uris,
    // Plain http is for loopback, which counts as native.
    application_type: 'native',
    token_endpoint_auth_method: 'client_secret_basic',
    require_auth_time: true,
  }],
  claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'], groups: ['groups'] },
  cookies: { keys: ['for the end-to-end tests alone'] },
  features: { devInteractions: { enabled: true } },
  pkce: { required: () => true },
  findAccount: (_ctx, id) => account(id),
});

// Whose name begins with "early-" has signed in here an hour ago.
const finished = provider.interactionFinished;
provider.interactionFinished = function (req, res, result, ...rest) {
  if (result.login?.accountId?.startsWith('early-')) result.login.ts = Math.floor(Date.now() / 1000) - 3600;
  return finished.call(this, req, res, result, ...rest);
};

provider.listen(Number(config.port), '127.0.0.1');
