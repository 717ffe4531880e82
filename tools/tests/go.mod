module github.com/dagpass/dagpass/tools/tests

go 1.26.0
