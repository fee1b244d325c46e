#!/bin/sh
# A remote cache in a bucket of s3s-fs, which checks signatures: also that of a conditional write.
#
#   tests/remote/s3s.sh target/release/pipeline [s3s-fs]
#
# cargo install s3s-fs --features binary; without it this says so and ends well. The server is gone at the end, with all
# it kept.
set -eu
pipeline=$(realpath "$1")
program=${2:-s3s-fs}
if ! command -v "$program" >/dev/null; then
    echo "skipped: there is no $program"
    exit 0
fi
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
mkdir -p root/icu
"$program" --access-key AKEXAMPLE --secret-key SKEXAMPLE --host 127.0.0.1 --port "$port" root >server.log 2>&1 &
server=$!
export AWS_ENDPOINT_URL_S3="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=AKEXAMPLE AWS_SECRET_ACCESS_KEY=SKEXAMPLE
sleep 1

cat >recipe.toml <<'TOML'
format = 1
[stages.only]
kind = "command"
run = "seq 9000 > {outputs.o}"
outputs = { o = "o" }
[remote]
url = "s3://icu/a prefix"
kinds = ["command"]
TOML
"$pipeline" run recipe.toml --quiet >/dev/null
echo "another secret is refused:"
AWS_SECRET_ACCESS_KEY=other "$pipeline" cache push recipe.toml 2>refused.log && exit 1
grep SignatureDoesNotMatch refused.log
echo "pushed, and pulled by a clean machine:"
"$pipeline" cache push recipe.toml | tee pushed
grep -q 'only .*pushed' pushed
"$pipeline" run recipe.toml --pull --store clean >/dev/null 2>pulled.log
grep 'pulled from s3://icu' pulled.log
"$pipeline" cache verify --store clean
"$pipeline" cache ls --remote --recipe recipe.toml
echo "all is well"
