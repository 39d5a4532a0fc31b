# Runs a command that ends when the other end of our standard input goes, however it goes.
# The command takes this shell's place and number. A watcher that has left the family waits for
# the end of the pipe, asks the command to stop, and insists after 40 s.
signal=$1
shift
exec 3<&0
( ( cat <&3 >/dev/null
    kill -s "$signal" $$ || exit 0
    left=400
    while [ $left -gt 0 ] && kill -0 $$; do sleep 0.1; left=$((left - 1)); done
    kill -s KILL $$
  ) >/dev/null 2>&1 & )
# A session of its own, so that Ctrl-C reaches the supervisor alone, which then stops all in order.
if command -v setsid >/dev/null; then set -- setsid "$@"; fi
exec "$@" </dev/null 3<&-
