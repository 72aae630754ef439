import type { ShellText } from './shell-text.ts';

const COMMON: ShellText = `
export LC_ALL=C
newline='
'
temp=
tell() {
  printf '%s %s\\n' "$nonce" "$*"
}
clean() {
  [ -n "$temp" ] || return 0
  rm -rf -- "$temp" 2>/dev/null || { chmod -R u+rwX -- "$temp"; rm -rf -- "$temp"; } 2>/dev/null
}
fail() {
  clean
  tell failed "\${1%%"$newline"*}"
  exit 1
}
[ -z "$user" ] || cd 2>/dev/null || cd / || exit 1
slash=
case $path in */) slash=1 ;; esac
case $path in '~') path=$HOME ;; '~/'*) path=$HOME/\${path#??} ;; /*) ;; *) path=./$path ;; esac
while :; do
  case $path in ?*/) path=\${path%/} ;; *) break ;; esac
done`;

/**
 * `path name kind mode several user nonce`: unpacks an archive of \`tree\` and \`whole\` beside where it belongs, and
 * puts it in place once it is whole: in the directory \`path\` as \`name\` (\`.\`: what is in it), or as \`path\`.
 */
export const PUT: ShellText = `path=$1 name=$2 kind=$3 mode=$4 several=$5 user=$6 nonce=$7
trap : HUP INT TERM PIPE${COMMON}
merge() {
  find "$1/." ! -name . -prune ! -type d -exec sh -c 'exec mv -f -- "$@" "$0/"' "$2" {} + || return
  for entry in "$1"/* "$1"/.[!.]* "$1"/..?*; do
    [ -d "$entry" ] && ! [ -L "$entry" ] || continue
    if [ -d "$2/\${entry##*/}" ]; then (merge "$entry" "$2/\${entry##*/}") || return
    else mv -- "$entry" "$2/" || return
    fi
  done
}
if [ -d "$path" ]; then
  case $name in .) place=$path ;; *) place=\${path%/}/$name ;; esac
elif [ -n "$slash$several" ]; then
  fail "there is no directory \\"$path\\""
else
  place=$path
fi
base=\${place%/*}
: "\${base:=/}"
if [ "$kind" = file ]; then
  [ ! -d "$place" ] || fail "\\"$place\\" is a directory"
elif [ -d "$place" ]; then
  base=$place
elif [ -e "$place" ]; then
  fail "\\"$place\\" is no directory"
fi
[ -d "$base" ] || fail "there is no directory \\"$base\\""
command -v tar >/dev/null 2>&1 || fail 'there is no tar on the machine'
made=\${base%/}/.$nonce
why=$(mkdir -m 700 -- "$made" 2>&1) || fail "$why"
temp=$made
why=$(tar -xpof - -C "$temp" 2>&1) || {
  room=$( (echo x | cat >"$temp/room") 2>&1) || why=$room
  fail "$why"
}
[ -e "$temp/whole" ] || fail 'it was cut off'
if [ "$kind" = directory ] && [ -d "$place" ]; then
  why=$(merge "$temp/tree" "$place" 2>&1) || fail "$why"
else
  why=$(mv -f -- "$temp/tree" "$place" 2>&1) || fail "$why"
  [ "$kind" = file ] || chmod "$mode" "$place"
fi
clean
tell done`;

/** `path user nonce`: tells what is there, and sends an archive of it. */
export const GET: ShellText = `path=$1 user=$2 nonce=$3${COMMON}
if [ -d "$path" ]; then
  odd=$(find "$path/." ! -type f ! -type d ! -type l -print 2>/dev/null)
  [ -z "$odd" ] || fail "\\"\${odd%%"$newline"*}\\" is a special file"
  why=$(cd "$path" 2>&1) || fail "$why"
  cd "$path" || exit
  set -- .
elif [ -f "$path" ] && [ -z "$slash" ]; then
  [ -r "$path" ] || fail "\\"$path\\": Permission denied"
  cd "\${path%/*}/" || exit
  set -- -h "./\${path##*/}"
elif [ -e "$path" ] && [ -z "$slash" ]; then
  fail "\\"$path\\" is a special file"
else
  fail "there is no \\"$path\\""
fi
command -v tar >/dev/null 2>&1 || fail 'there is no tar on the machine'
case $1 in .) tell directory ;; *) tell file ;; esac
exec tar -cf - "$@"`;
