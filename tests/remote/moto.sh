#!/bin/sh
# A remote cache in a bucket of moto's server, which is nobody's code of ours: signatures, conditional writes, listings.
#
#   tests/remote/moto.sh target/release/pipeline [python3]
#
# Python needs `moto[server]` and `boto3` (pip install 'moto[server]' boto3); without them this says so and ends well. The
# server listens on a free port of this machine and is gone at the end, with all it kept.
set -eu
pipeline=$(realpath "$1")
python=${2:-python3}
if ! "$python" -c "import moto.server, boto3" 2>/dev/null; then
    echo "skipped: $python has no moto[server] and boto3"
    exit 0
fi
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$folder"' EXIT
cd "$folder"
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_ACCESS_KEY_ID=testing AWS_SECRET_ACCESS_KEY=testing AWS_REGION=eu-central-1
"$python" -m moto.server -H 127.0.0.1 -p "$port" >server.log 2>&1 &
server=$!
for _ in $(seq 100); do
    "$python" -c "import urllib.request; urllib.request.urlopen('$AWS_ENDPOINT_URL/moto-api/')" 2>/dev/null && break
    kill -0 "$server" 2>/dev/null || { cat server.log; exit 1; }
    sleep 0.2
done

cat >recipe.toml <<'TOML'
format = 1
[stages.first]
kind = "command"
run = "seq 200000 > {outputs.a}; head -c 9 /dev/urandom > {outputs.b}"
outputs = { a = "a", b = "b" }
[stages.second]
kind = "command"
run = "wc -c < {inputs.a} > {outputs.c}"
inputs = { a = { stage = "first", artifact = "a" } }
outputs = { c = "c" }
[remote]
url = "s3://icu/a prefix/ä"
kinds = ["command"]
TOML

echo "a bucket that is not there: the run goes on"
"$pipeline" run recipe.toml --store lone --pull --quiet >/dev/null
"$pipeline" cache push recipe.toml --store lone 2>push.log && exit 1
grep -q NoSuchBucket push.log

"$python" - <<'PYTHON'
import boto3

client = boto3.client("s3", region_name="eu-central-1")
client.create_bucket(Bucket="icu", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
PYTHON

echo "pushed:"
"$pipeline" cache push recipe.toml --store lone | tee pushed
[ "$(grep -c ' pushed' pushed)" = 2 ]
echo "pulled by a clean machine, which executes nothing:"
"$pipeline" run recipe.toml --store clean --pull --format json >pulled.json
[ "$(grep -o '"status": "cached"' pulled.json | wc -l)" = 2 ]
if grep '"status": "executed"' pulled.json; then exit 1; fi
"$pipeline" cache verify --store clean
"$pipeline" cache ls --remote --recipe recipe.toml | tee ls
grep -q ': 2 results, 3 blobs' ls
echo "another machine has other bytes of the same key, and the first stay:"
"$pipeline" run recipe.toml --store other --quiet >/dev/null
"$pipeline" cache push recipe.toml --store other | tee second
grep -q 'first .*differs' second

echo "conditional writes, past our own look whether something is there:"
"$python" - <<'PYTHON'
import boto3, botocore

client = boto3.client("s3", region_name="eu-central-1")
keys = [it["Key"] for it in client.list_objects_v2(Bucket="icu")["Contents"]]
assert all(key.startswith("a prefix/ä/") for key in keys), keys
action = next(key for key in keys if "/actions/" in key)
try:
    client.put_object(Bucket="icu", Key=action, Body=b"x", IfNoneMatch="*")
    raise SystemExit("the server knows no conditional writes")
except botocore.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "PreconditionFailed", error
blob = next(key for key in keys if "/blobs/" in key)
body = client.get_object(Bucket="icu", Key=blob)["Body"].read()
client.put_object(Bucket="icu", Key=blob, Body=bytes([body[0] ^ 1]) + body[1:])
PYTHON
echo "a flipped bit in the bucket: named, not taken"
"$pipeline" run recipe.toml --store flipped --pull >/dev/null 2>flipped.log
grep 'damaged, not taken' flipped.log
"$pipeline" cache verify --store flipped
echo "all is well"
