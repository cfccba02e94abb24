# Trees of files there and back, for the scripts that try our client on a server. Sourced; needs h, says, $server and $work of those, whose
# share `pub` is $work/pub.
# shellcheck shell=bash

make_tree() { # DIRECTORY: files of all sizes that are copied in different ways, beside many small ones
	mkdir -p "$1/sub/many" "$1/empty" || return 1
	: >"$1/nothing"
	printf x >"$1/one"
	head -c 65536 /dev/urandom >"$1/first"
	head -c 65537 /dev/urandom >"$1/first and one"
	head -c 3145728 /dev/urandom >"$1/sub/pieces"
	for i in $(seq "${2:-500}"); do echo "file $i" >"$1/sub/many/$i"; done
}

nothing_temporary() { # DIRECTORY...
	local left
	left=$(find "$@" -name '*hythe-*.part')
	[ -z "$left" ] || { echo "left over: $left"; return 1; }
}

cli_tree_many() {
	local d="$work/many files" back=$work/back
	mkdir -p "$back" && make_tree "$d" && h put -r "$d" "$server/pub" && diff -r "$d" "$work/pub/many files" || return 1
	h get -r "$server/pub/many%20files" "$back" && diff -r "$d" "$back/many files" || return 1
	# Once more, over what is there.
	make_tree "$d" 20 && echo new >"$d/sub/many/7" && h put -r "$d" "$server/pub" && diff -r "$d" "$work/pub/many files" || return 1
	says '"files":505,' "$(h get --json -r "$server/pub/many%20files" "$back")" && diff -r "$d" "$back/many files" || return 1
	nothing_temporary "$work/pub/many files" "$back" && rm -rf "$d" "$work/pub/many files" "$back"
}

# What cannot be read or written is named, and does not keep the rest from being copied.
cli_tree_obstacles() {
	local d=$work/obstacles back=$work/back out
	rm -rf "$d" "$work/pub/obstacles"
	mkdir -p "$d" "$work/pub/obstacles/is a directory" "$back/obstacles/also" || return 1
	for i in $(seq 50); do echo "$i" >"$d/$i"; done
	ln -s absent "$d/dangling"
	echo text >"$d/is a directory"
	out=$(h put --json -r "$d" "$server/pub") && { echo "that worked: $out"; return 1; }
	says '{"files":50,"bytes":141,"complete":false}' "$out" && says 'dangling": No such file' "$out" && says ' "obstacles/is a directory": ' "$out" || return 1
	nothing_temporary "$work/pub/obstacles" || return 1
	rm -r "$d/dangling" "$d/is a directory" "$work/pub/obstacles/is a directory"
	diff -r "$d" "$work/pub/obstacles" || return 1
	echo text >"$work/pub/obstacles/also"
	out=$(h get --json -r "$server/pub/obstacles" "$back") && { echo "that worked: $out"; return 1; }
	says '"files":50,' "$out" && says 'also": Is a directory' "$out" && nothing_temporary "$back" || return 1
	rm -r "$back/obstacles/also" "$work/pub/obstacles/also"
	diff -r "$d" "$back/obstacles" && rm -rf "$d" "$work/pub/obstacles" "$back"
}

# Of a pipe nobody knows how long it is, so that only the write tells that it does not fit.
cli_tree_full() {
	local d=$work/pub/tiny out left
	mkdir -p "$d" && mount -t tmpfs -o size=64k tiny "$d" 2>/dev/null || { echo "nothing can be mounted here"; return 0; }
	chmod 777 "$d"
	head -c 40000 /dev/zero >"$d/before"
	out=$(head -c 60000 /dev/zero | h put - "$server/pub/tiny/piped") && out="that worked: $out"
	sleep 0.2
	left=$(ls -A "$d")
	umount "$d"
	says 'hythe: cannot write' "$out" && [ "$left" = before ] || { echo "$out, and there is: $left"; return 1; }
}

# put_is_stopped SIGNAL: what has its name by then is complete, and the server forgets the rest.
put_is_stopped() {
	local d=$work/stopped f pid
	[ -d "$d" ] || make_tree "$d" 3000 || return 1
	rm -rf "$work/pub/stopped"
	env --default-signal=INT "$HYTHE" put --quiet "${options[@]}" -r "$d" "$server/pub/stopped" 2>/dev/null &
	pid=$!
	for _ in $(seq 500); do
		[ -n "$(find "$work/pub/stopped/sub/many" -name '*0' 2>/dev/null | head -n 1)" ] && break
		sleep 0.01
	done
	kill "-$1" "$pid"
	wait "$pid" && { echo "too late to stop it"; return 1; }
	for _ in $(seq 50); do
		nothing_temporary "$work/pub/stopped" >/dev/null && break
		sleep 0.1
	done
	nothing_temporary "$work/pub/stopped" || return 1
	while IFS= read -r f; do
		cmp "$d/$f" "$work/pub/stopped/$f" || return 1
	done < <(cd "$work/pub/stopped" && find . -type f)
}
