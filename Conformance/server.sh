# For scripts in this folder to source: servers on fresh SQLite files and free loopback ports, stopped when the script ends.
# shellcheck shell=bash

bin=.build/debug
work=$(mktemp -d)
servers=()
finish() {
    for pid in "${servers[@]}"; do kill -TERM "$pid" 2>/dev/null && wait "$pid" || true; done
    rm -rf "$work"
}
trap finish EXIT

# Where the runner listens for the servers' mail: below the ports that systems give out by themselves.
while :; do
    sink=127.0.0.1:$((20000 + RANDOM % 12000))
    (: < "/dev/tcp/${sink/://}") 2>/dev/null || break
done

# start NAME FLAG…: a server with an admin, an owner and two domains; leaves its URL in $url and what the suite needs in $work/NAME.yaml.
start() {
    local name=$1
    shift
    local store=(--database "$work/$name.db")
    local password="demo password of $name"
    "$bin/gatehouse" sec-gen-key > "$work/$name.jwk"
    "$bin/gatehouse" init --username admin@demo.test --password-file - "${store[@]}" <<< "$password"
    "$bin/gatehouse" user add owner@demo.test --password-file - "${store[@]}" <<< "$password"
    local secret other
    secret=$("$bin/gatehouse" domain add demo-a.test --host cap.demo-a.test --owner owner@demo.test "${store[@]}")
    other=$("$bin/gatehouse" domain add demo-b.test "${store[@]}")
    # The key of the seed document's client, and one of which the server has the public half only.
    "$bin/gatehouse" key add --account owner@demo.test --id access_key_1 --secret-file - --allow-weak "${store[@]}" \
        <<< 123456789 > /dev/null
    openssl genpkey -algorithm ed25519 -out "$work/$name.pem"
    openssl pkey -in "$work/$name.pem" -pubout \
        | "$bin/gatehouse" key add --account owner@demo.test --id pair_1 --algorithm ed25519 --public-key - "${store[@]}" > /dev/null
    cat > "$work/$name.yaml" <<YAML
domain: demo-a.test
domain_host: cap.demo-a.test
domain_in_capitals: DEMO-A.TEST
domain_secret: '$secret'
other_domain: demo-b.test
other_domain_secret: '$other'
admin: admin@demo.test
admin_password: '$password'
owner: owner@demo.test
owner_password: '$password'
signing_key: '$(cat "$work/$name.jwk")'
api_key_id: access_key_1
api_secret: '123456789'
public_url: https://id.demo.test
claimable_domain: claims.test
public_path: /hello_world
signed_path: /hello_world_private
signed_resource: /hello_someone
public_key_id: pair_1
public_key_algorithm: ed25519
private_key: |
$(sed 's/^/  /' "$work/$name.pem")
YAML
    # Before the server, or it may not be there yet when it is first read.
    : > "$work/$name.out"
    "$bin/gatehouse" serve --port 0 --signing-key-file "$work/$name.jwk" --public-url https://id.demo.test \
        --mail-server "smtp://$sink" --mail-tls none --mail-from no-reply@id.demo.test \
        --domain-proxy --dns-servers 127.0.0.1:1 "${store[@]}" "$@" \
        > "$work/$name.out" 2> "$work/$name.log" &
    servers+=($!)
    for _ in $(seq 100); do
        url=$(sed -n 's/^Gatehouse is ready at //p' "$work/$name.out")
        [ -z "$url" ] || return 0
        kill -0 $! 2>/dev/null || break
        sleep 0.1
    done
    echo "the server did not start:" >&2
    cat "$work/$name.log" >&2
    return 1
}
