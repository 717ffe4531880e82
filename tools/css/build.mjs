// Builds assets/static/app.css from input.css and the pages in views, and copies
// the font, and the licences of what goes into the binary.
//
//   npm ci --ignore-scripts && npm run build
//
// The same input gives the same bytes, so a check for drift builds again and
// compares. The result is committed: building the product needs no Node.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { Features, transform } from "lightningcss";

process.chdir(import.meta.dirname);
const assets = "../../assets/static/";
const licenses = "../../assets/licenses/";
const pages = "../../views/";

copyFileSync("node_modules/@fontsource-variable/inter/files/inter-latin-wght-normal.woff2", assets + "inter.woff2");
copyFileSync("node_modules/@fontsource-variable/inter/LICENSE", licenses + "inter.txt");
copyFileSync("node_modules/basecoat-css/LICENSE.md", licenses + "basecoat.txt");
copyFileSync("node_modules/tailwindcss/LICENSE", licenses + "tailwindcss.txt");

const built = execFileSync("node_modules/.bin/tailwindcss", ["-i", "input.css", "-o", "-"], {
  stdio: ["ignore", "pipe", "ignore"],
  encoding: "utf8",
});
writeFileSync(assets + "app.css", withHashedUrls(slim(built)));

// slim minifies, and drops the classes that no page names: Basecoat brings the
// looks of all its components in one file.
function slim(css) {
  const named = new Set(readdirSync(pages).filter((f) => f.endsWith(".templ"))
    .flatMap((f) => [...readFileSync(pages + f, "utf8").matchAll(/class="([^"]*)"/g)])
    .flatMap(([, classes]) => classes.split(/\s+/)));
  const simpleClass = /\.([A-Za-z_][\w-]*)(?![\w\\-])/g;
  const unused = [...css.matchAll(simpleClass)].map((m) => m[1]).filter((name) => !named.has(name));
  const version = (major, minor = 0) => (major << 16) | (minor << 8);
  return transform({
    filename: "app.css",
    code: Buffer.from(css),
    minify: true,
    unusedSymbols: [...new Set(unused)],
    include: Features.Nesting | Features.MediaQueries,
    exclude: Features.LogicalProperties | Features.DirSelector | Features.LightDark,
    targets: { chrome: version(111), firefox: version(128), safari: version(16, 4) },
  }).code.toString();
}

// withHashedUrls names the files beside the style sheet as the assets package
// serves them: with the first 8 hex digits of the content's SHA-256.
function withHashedUrls(css) {
  return css.replace(/url\("?([a-z]+)\.(svg|woff2)"?\)/g, (_, name, ext) => {
    const hash = createHash("sha256").update(readFileSync(`${assets}${name}.${ext}`)).digest("hex").slice(0, 8);
    return `url(${name}-${hash}.${ext})`;
  });
}
