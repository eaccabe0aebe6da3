#!/bin/sh
# Runs Pulp's three programs: the content app on PORT, the API on PORT2, and a worker. Ends them on SIGTERM, and
# ends when one of them does.
set -u
pulpcore-worker &
worker=$!
pulpcore-api --bind "127.0.0.1:$PORT2" --workers 1 &
api=$!
pulpcore-content --bind "127.0.0.1:$PORT" --workers 1 &
content=$!
stop() {
    kill "$worker" "$api" "$content" 2> /dev/null
    wait
    exit 0
}
trap stop TERM
while kill -0 "$worker" && kill -0 "$api" && kill -0 "$content"; do
    sleep 1 &
    wait $!
done
stop
