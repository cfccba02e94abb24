#!/usr/bin/env bash
# Clients of SMB1, Samba's and impacket's, against our server: what they do with files, with and without signatures and SPNEGO, and what a server
# without smb1 tells them. Run by run.sh; prints ok and not ok lines.
set -u
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

user=olduser
export HYTHE_PASSWORD=pass
mkdir -p "$work/old" "$work/new" "$work/state"
printf '[server]\nsmb1 = yes\nsigning = required\n[share old]\npath = %s\nsmb1 = yes\n[share new]\npath = %s\n' "$work/old" "$work/new" >"$work/smb1.conf"
sed 's/^signing = .*/signing = enabled/' "$work/smb1.conf" >"$work/unsigned.conf"
printf '[share old]\npath = %s\nsmb1 = yes\n' "$work/old" >"$work/without.conf"
start_hythe signed --listen nbss:127.0.0.1:0 --trace --config "$work/smb1.conf" --state "$work/state" --user $user || exit 1
start_hythe plain --config "$work/unsigned.conf" --state "$work/state" || exit 1
start_hythe without --config "$work/without.conf" --state "$work/state" || exit 1

says() { grep -q -- "$1" <<<"$2" || { echo "wanted '$1' in: $2"; return 1; }; }

nt1() { # PORT SHARE COMMANDS [OPTION...]
	local port=$1 share=$2 commands=$3
	shift 3
	timeout 60 smbclient --option='client min protocol=NT1' -m NT1 -p "$port" "//127.0.0.1/$share" -U "$user%$HYTHE_PASSWORD" "$@" -c "$commands" 2>&1
}

files() { # PORT [OPTION...]
	local port=$1 out
	shift
	rm -rf "$work/old"/*
	head -c 3000000 /dev/urandom >"$work/source"
	echo text >"$work/old/one.txt"
	echo text >"$work/old/two.txt"
	touch "$work/old/Zwölf"
	out=$(nt1 "$port" old "put $work/source moved; get moved $work/back; mkdir dir; rename one.txt dir/three.txt; allinfo moved; du; ls; del *.txt; ls" "$@")
	cmp "$work/source" "$work/old/moved" && cmp "$work/source" "$work/back" && [ "$(cat "$work/old/dir/three.txt")" = text ] &&
		[ ! -e "$work/old/two.txt" ] && says 'Zwölf' "$out" && says 'create_time' "$out" && says 'Total number of bytes: 3000005' "$out" || { echo "$out"; return 1; }
	out=$(nt1 "$port" old 'del dir/*; rmdir dir; del moved; ls' "$@")
	[ ! -e "$work/old/dir" ] && [ ! -e "$work/old/moved" ] || { echo "$out"; return 1; }
}

shares_are_listed() {
	local out
	out=$(timeout 60 smbclient -g -p "$signed" -L //127.0.0.1 -U "$user%$HYTHE_PASSWORD" --option='client min protocol=NT1' -m NT1 2>&1)
	says 'Disk|old|' "$out" && ! grep -q 'Disk|new|' <<<"$out" || { echo "$out"; return 1; }
}

others_do_not_exist() {
	local out
	out=$(nt1 "$signed" new ls) && return 1
	says NT_STATUS_BAD_NETWORK_NAME "$out"
}

wrong_password() {
	local out
	out=$(timeout 60 smbclient --option='client min protocol=NT1' -m NT1 -p "$signed" //127.0.0.1/old -U "$user%wrong" -c ls 2>&1) && return 1
	says NT_STATUS_LOGON_FAILURE "$out"
}

off_by_default() {
	nt1 "$without" old ls && { echo "was let in"; return 1; }
	says 'smb1 = yes' "$(cat "$work/without.log")"
}

impacket() { # PORT
	/usr/bin/python3 - "$1" "$user" "$HYTHE_PASSWORD" <<'PY'
import sys
from impacket import smb
s = smb.SMB("*SMBSERVER", "127.0.0.1", sess_port=int(sys.argv[1]))
s.login(sys.argv[2], sys.argv[3])
tid = s.tree_connect_andx("\\\\127.0.0.1\\old", None)
fid = s.open_andx(tid, "imp.txt", smb.SMB_O_OPEN, 0x40)[0]
assert s.read_andx(tid, fid, 0, 100) == b"what it says", "wrong bytes"
s.close(tid, fid)
s.logoff()
PY
}

# The exchange of a logon, an open and a read, each packet on its own and in order; then what ends it.
sessions=$(sed -n 's/^Listening for NetBIOS sessions on .*:\([0-9]*\)$/\1/p' "$work/signed.log")
packets() { sed -n 's/.* \(-->\|<--\) SMB1 \([A-Z0-9_]*\).*/\1\2/p' | tr '\n' ' '; }
each_way() { for c; do printf -- '-->%s <--%s ' "$c" "$c"; done; }
begins_with() { # PACKETS WANTED...
	local got=$1
	shift
	[ "${got#"$(each_way "$@")"}" != "$got" ] || { echo "$got"; return 1; }
}
ours() { # PORT LOGONS OPTION...
	local url=smb://$user@127.0.0.1:$1/old/page.txt setups got logons=$2
	shift 2
	setups=$(for _ in $(seq "$logons"); do echo SESSION_SETUP_ANDX; done)
	printf 'what it says' >"$work/old/page.txt"
	got=$("$HYTHE" trace --dialect NT1 --write "$work/one.pcapng" "$@" "$url" | packets)
	# shellcheck disable=SC2086
	[ "$got" = "$(each_way NEGOTIATE $setups TREE_CONNECT_ANDX OPEN_ANDX READ_ANDX CLOSE TREE_DISCONNECT LOGOFF_ANDX)" ] || { echo "$got"; return 1; }
	[ "$("$HYTHE" cat --dialect NT1 "$@" "$url")" = "what it says" ] || { echo "other bytes"; return 1; }
	command -v tshark >/dev/null || return 0
	got=$(tshark -r "$work/one.pcapng" -Y '_ws.malformed || _ws.expert.severity >= error' 2>/dev/null)
	[ -z "$got" ] || { echo "$got"; return 1; }
}
drawing() {
	"$HYTHE" trace --dialect NT1 --no-spnego --nbss --svg "$work/one.svg" --html "$work/one.html" "smb://$user@127.0.0.1:$sessions/old/page.txt" >/dev/null &&
		python3 -B "$here/drawing.py" 18 "$work/one.svg" "$work/one.html"
}
ours_moves_files() {
	local url=smb://$user@127.0.0.1:$signed/old
	head -c 3000000 /dev/urandom >"$work/source"
	"$HYTHE" put --quiet --dialect NT1 "$work/source" "$url/" && "$HYTHE" get --quiet --dialect NT1 "$url/source" "$work/again" && cmp "$work/source" "$work/again" &&
		says source "$("$HYTHE" ls --dialect NT1 "$url")" && "$HYTHE" rm --dialect NT1 "$url/source" && [ ! -e "$work/old/source" ]
}
# What the server's own trace says of a client: the last connection's packets.
shown() { sed -n "$1,\$p" "$work/signed.log" | packets; }
lines() { wc -l <"$work/signed.log"; }
smbclient_exchange() {
	local from=$(($(lines) + 1)) got
	printf 'what it says' >"$work/old/page.txt"
	nt1 "$signed" old "get page.txt $work/page" --option='client use spnego=no' >/dev/null
	[ "$(cat "$work/page")" = "what it says" ] || return 1
	got=$(shown $from)
	begins_with "$got" NEGOTIATE SESSION_SETUP_ANDX TREE_CONNECT_ANDX || return 1
	says "$(each_way NT_CREATE_ANDX)" "$got" && says "$(each_way READ_ANDX)" "$got"
}
impacket_exchange() {
	local from=$(($(lines) + 1))
	impacket "$signed" && begins_with "$(shown $from)" NEGOTIATE SESSION_SETUP_ANDX SESSION_SETUP_ANDX TREE_CONNECT_ANDX OPEN_ANDX READ_ANDX
}
check smb1/exchange/ours ours "$signed" 1 --no-spnego
check smb1/exchange/ours_spnego ours "$signed" 2
check smb1/exchange/ours_netbios ours "$sessions" 1 --no-spnego --nbss
check smb1/exchange/ours_netbios_spnego ours "$sessions" 2 --nbss
check smb1/ours_moves_files ours_moves_files
if command -v chromium >/dev/null; then
	check smb1/exchange/drawing drawing
else
	skip smb1/exchange/drawing "there is no chromium"
fi

if ! command -v smbclient >/dev/null; then
	skip smb1/smbclient "smbclient is not installed"
else
	check smb1/smbclient/signed files "$signed"
	check smb1/smbclient/unsigned files "$plain" --option='client signing=off'
	check smb1/smbclient/without_spnego files "$signed" --option='client use spnego=no' --option='client ntlmv2 auth=yes'
	check smb1/smbclient/shares_are_listed shares_are_listed
	check smb1/smbclient/others_do_not_exist others_do_not_exist
	check smb1/smbclient/wrong_password wrong_password
	check smb1/smbclient/off_by_default off_by_default
	check smb1/exchange/smbclient smbclient_exchange
fi
if /usr/bin/python3 -c 'import impacket' 2>/dev/null; then
	printf 'what it says' >"$work/old/imp.txt"
	check smb1/impacket impacket "$signed"
	check smb1/exchange/impacket impacket_exchange
else
	skip smb1/impacket "impacket is not installed"
fi
[ "$failures" = 0 ]
