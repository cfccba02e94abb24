# `hythe serve` as a person meets it: its command line, guests, read-only shares, signals. Sourced by run.sh.
# shellcheck shell=bash

# slowly PORT SECONDS COMMAND: a client that is connected for that long before it says something.
slowly() {
	(sleep "$2" && echo "$3") | timeout 60 smbclient -p "$1" //127.0.0.1/pub -U "$user%$HYTHE_PASSWORD" -m SMB3_11 --client-protection=sign 2>&1
}

# A plain `hythe serve DIR` makes a user, shows a password that works, and keeps both for the next start.
serve_makes_a_user_once() {
	local out name password
	HYTHE_PASSWORD='' start_hythe first "$work/pub" --state "$work/fresh" || return 1
	password=$(sed -n 's/^User .*, password //p' "$work/first.log")
	name=$(sed -n 's/^User \(.*\), password .*/\1/p' "$work/first.log")
	[ -n "$password" ] || { echo "no password was shown"; cat "$work/first.log"; return 1; }
	out=$(smbclient -p "$first" //127.0.0.1/pub -U "$name%$password" -c ls 2>&1) || { echo "$out"; return 1; }
	stop first || { echo "the exit status was $?"; return 1; }
	HYTHE_PASSWORD='' start_hythe second "$work/pub" --state "$work/fresh" || return 1
	! grep -q password "$work/second.log" || { echo "a password was shown again"; return 1; }
	out=$(smbclient -p "$second" //127.0.0.1/pub -U "$name%$password" -c ls 2>&1) || { echo "$out"; return 1; }
	stop second
}

serve_lets_guests_in_only_when_told() {
	local out
	out=$(smbclient -p "$signed" //127.0.0.1/pub -N -c ls 2>&1) && { echo "an anonymous user listed a share: $out"; return 1; }
	start_hythe guests --share "open=$work/open,guest" --share "pub=$work/pub" --state "$work/state" || return 1
	out=$(smbclient -p "$guests" //127.0.0.1/open -U 'stranger%x' --client-protection=off -c 'get file -' 2>&1)
	says welcome "$out" || return 1
	out=$(smbclient -p "$guests" //127.0.0.1/pub -U 'stranger%x' --client-protection=off -c ls 2>&1) && { echo "a guest saw $out"; return 1; }
	says NT_STATUS_ACCESS_DENIED "$out"
}

serve_read_only_share_stays_as_it_is() {
	local out
	start_hythe readonly --share "ro=$work/ro,ro" --state "$work/state" || return 1
	out=$(smb "$readonly" SMB3_11 sign ro "get file -; put $work/signed.conf new; del file; mkdir d; rename file file2")
	says frozen "$out" && says 'ACCESS_DENIED\|MEDIA_WRITE_PROTECTED' "$out" && [ "$(ls "$work/ro")" = file ] || { ls "$work/ro"; return 1; }
}

# SIGHUP takes over a new share while a client stays connected.
serve_reads_shares_anew_on_sighup() {
	local out
	printf '[server]\n[share pub]\npath = %s\n' "$work/pub" >"$work/reload.conf"
	start_hythe reload --config "$work/reload.conf" --state "$work/state" || return 1
	out=$(
		(
			sleep 0.5
			printf '[share later]\npath = %s\nread-only = yes\n' "$work/ro" >>"$work/reload.conf"
			kill -HUP "$reload_pid"
		) &
		slowly "$reload" 1.5 ls
	) || { echo "the connection did not stay: $out"; return 1; }
	out=$(smb "$reload" SMB3_11 sign later 'get file -') || { echo "$out"; return 1; }
	says frozen "$out" || return 1
	# A mistake changes nothing.
	printf 'read-onyl = yes\n' >>"$work/reload.conf"
	kill -HUP "$reload_pid"
	sleep 0.5
	says "did you mean 'read-only'" "$(cat "$work/reload.log")" && smb "$reload" SMB3_11 sign later ls >/dev/null
}

serve_drains_and_exits_0_on_sigterm() {
	local status client
	start_hythe drain --share "pub=$work/pub" --state "$work/state" || return 1
	slowly "$drain" 2 ls >/dev/null &
	client=$!
	sleep 0.5
	stop drain
	status=$?
	wait "$client"
	[ $status = 0 ] || { echo "exit status $status"; cat "$work/drain.log"; return 1; }
}

# What `hythe status` says of a server, and that it finds none once it has ended, or was killed.
serve_tells_its_status() {
	local out client
	mkdir -p "$work/statusstate"
	HYTHE_PASSWORD=$HYTHE_PASSWORD "$HYTHE" user add "$user" --state "$work/statusstate" >/dev/null || return 1
	start_hythe shown --share "pub=$work/pub,ro" --state "$work/statusstate" || return 1
	says 'nobody has logged on' "$("$HYTHE" status --state "$work/statusstate" 2>&1)" || return 1
	slowly "$shown" 3 ls >/dev/null &
	client=$!
	sleep 1
	out=$("$HYTHE" status --state "$work/statusstate" 2>&1) && says "ann .*3.1.1 .*signed" "$out" && says 'pub  *1 .*(read-only)' "$out" || return 1
	out=$("$HYTHE" status --json --state "$work/statusstate" | python3 -c 'import json, sys
s = json.load(sys.stdin)
print(s["listeners"][0]["port"], s["shares"][0]["name"], s["sessions"][0]["user"], s["sessions"][0]["trees"], s["connections"])')
	wait "$client"
	[ "$out" = "$shown pub ann 1 1" ] || { echo "$out"; return 1; }
	# Another server of the same directory does not take its place.
	start_hythe beside --share "pub=$work/pub" --state "$work/statusstate" || return 1
	says 'another server uses this directory' "$(cat "$work/beside.log")" && stop beside || return 1
	says "$shown" "$("$HYTHE" status --state "$work/statusstate" 2>&1)" || return 1
	kill -9 "$shown_pid"
	wait "$shown_pid" 2>/dev/null
	out=$("$HYTHE" status --state "$work/statusstate" 2>&1) && { echo "there was an answer: $out"; return 1; }
	says 'no server runs' "$out" || return 1
	start_hythe shown --share "pub=$work/pub" --state "$work/statusstate" || return 1
	says pub "$("$HYTHE" status --state "$work/statusstate" 2>&1)" && stop shown
}

serve_check_tells_right_from_wrong() {
	local out
	printf '[server]\nsigning = required\n[share a]\npath = %s\n' "$work/pub" >"$work/check.conf"
	out=$("$HYTHE" serve --config "$work/check.conf" --check 2>&1) || { echo "$out"; return 1; }
	printf 'gest = yes\n' >>"$work/check.conf"
	out=$("$HYTHE" serve --config "$work/check.conf" --check 2>&1) && { echo "a mistake was let through"; return 1; }
	says "check.conf:5: unknown option 'gest' in \[share NAME\]; did you mean 'guest'?" "$out" || return 1
	out=$("$HYTHE" serve --share "a=$work/absent" --check 2>&1) && { echo "a missing directory was let through"; return 1; }
	says absent "$out"
}

# A share that is a directory of its own for each user.
serve_gives_each_user_a_directory() {
	local out as name
	mkdir -p "$work/homes" "$work/homestate"
	printf '[server]\n[share home]\npath = %s/%%U\ncreate-path = yes\n[share old]\npath = %s/old-%%U\n' "$work/homes" "$work/homes" >"$work/homes.conf"
	for name in ann Bob; do
		HYTHE_PASSWORD=$HYTHE_PASSWORD "$HYTHE" user add "$name" --state "$work/homestate" >/dev/null || return 1
	done
	start_hythe homes --config "$work/homes.conf" --state "$work/homestate" || return 1
	for as in ann BOB; do
		echo "of $as" >"$work/letter"
		out=$(smbclient -p "$homes" //127.0.0.1/home -U "$as%$HYTHE_PASSWORD" -c "put $work/letter letter; mkdir $as; ls" 2>&1) || { echo "$out"; return 1; }
	done
	[ "$(ls "$work/homes")" = "Bob
ann" ] || [ "$(ls "$work/homes")" = "ann
Bob" ] || { ls "$work/homes"; return 1; }
	[ "$(cat "$work/homes/ann/letter")" = "of ann" ] && [ "$(cat "$work/homes/Bob/letter")" = "of BOB" ] || return 1
	[ "$(stat -c %a "$work/homes/ann")" = 700 ] || { stat "$work/homes/ann"; return 1; }
	out=$(smbclient -p "$homes" //127.0.0.1/home -U "ann%$HYTHE_PASSWORD" -c 'ls; cd ../Bob; get ../Bob/letter -' 2>&1)
	! says 'of BOB' "$out" >/dev/null || { echo "$out"; return 1; }
	out=$(smbclient -p "$homes" //127.0.0.1/home -U "bob%$HYTHE_PASSWORD" -c 'get letter -' 2>&1)
	says 'of BOB' "$out" || return 1
	# Not there, and not to be made: the log says what to do.
	out=$(smbclient -p "$homes" //127.0.0.1/old -U "ann%$HYTHE_PASSWORD" -c ls 2>&1) && { echo "$out"; return 1; }
	says NT_STATUS_BAD_NETWORK_NAME "$out" && says "old-ann: No such file or directory; make the directory" "$(cat "$work/homes.log")" || return 1
	out=$(smbclient -p "$homes" -L //127.0.0.1 -U "ann%$HYTHE_PASSWORD" 2>&1)
	[ "$(grep -c '^	home ' <<<"$out")" = 1 ] || { echo "$out"; return 1; }
}

serve_refuses_paths_that_make_no_sense() {
	local out path
	for path in '/home/%H' '/home/%U/../x' '/home/%'; do
		printf '[share a]\npath = %s\n' "$path" >"$work/path.conf"
		out=$("$HYTHE" serve --config "$work/path.conf" --check 2>&1) && { echo "$path was let through"; return 1; }
		says "share a: " "$out" || return 1
	done
	printf '[share a]\npath = %s/%%U\nguest = yes\n' "$work" >"$work/path.conf"
	out=$("$HYTHE" serve --config "$work/path.conf" --check 2>&1) && { echo "a guest's name was let through"; return 1; }
	says 'a guest has no name' "$out" || return 1
	printf '[share a]\npath = %s\ncreate-path = yes\n' "$work" >"$work/path.conf"
	out=$("$HYTHE" serve --config "$work/path.conf" --check 2>&1) && { echo "create-path was let through"; return 1; }
	says 'create-path is for paths with %U' "$out" || return 1
	out=$("$HYTHE" serve --share "a=$work/absent/%U" --check 2>&1) && { echo "a missing directory was let through"; return 1; }
	says 'absent' "$out" || return 1
	# On the command line a directory is a directory.
	mkdir -p "$work/100%U"
	start_hythe percent "$work/100%U" --state "$work/state" || return 1
	says "Sharing $work/100%U as 100%U" "$(cat "$work/percent.log")"
}

serve_says_how_to_connect() {
	local out
	out=$(cat "$work/signed.log")
	says Windows "$out" && says macOS "$out" && says Linux "$out" && says ":$signed/pub" "$out"
}

for case in makes_a_user_once lets_guests_in_only_when_told read_only_share_stays_as_it_is reads_shares_anew_on_sighup \
	drains_and_exits_0_on_sigterm tells_its_status check_tells_right_from_wrong gives_each_user_a_directory refuses_paths_that_make_no_sense says_how_to_connect; do
	check "serve/serve_$case" "serve_$case"
done
