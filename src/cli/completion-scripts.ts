/**
 * Scripts that ask `plan __complete` for candidates: one per line, an empty answer stands for file names. The word
 * that is being completed is the last one.
 */
export const COMPLETION_SCRIPTS: ReadonlyMap<string, string> = new Map([
  [
    'bash',
    `# bash completion of plan: source <(plan completion bash)
_plan() {
  local current="\${COMP_WORDS[COMP_CWORD]}" candidates
  candidates="$("\${COMP_WORDS[0]}" __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)"
  COMPREPLY=()
  if [ -n "$candidates" ]; then
    local IFS=$'\\n'
    COMPREPLY=($(compgen -W "$candidates" -- "$current"))
  fi
}
complete -o default -F _plan plan
`,
  ],
  [
    'zsh',
    `#compdef plan
# zsh completion of plan: source <(plan completion zsh)
_plan() {
  local -a candidates
  candidates=("\${(@f)$("\${words[1]}" __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then
    compadd -- "\${candidates[@]}"
  else
    _files
  fi
}
compdef _plan plan
`,
  ],
  [
    'fish',
    `# fish completion of plan: plan completion fish | source
function __plan_complete
  set -l words (commandline --tokenize --cut-at-cursor --current-process) (commandline --cut-at-cursor --current-token)
  set -l candidates ($words[1] __complete -- $words[2..-1] 2>/dev/null)
  if test (count $candidates) -gt 0
    printf '%s\\n' $candidates
  else
    __fish_complete_path (commandline --cut-at-cursor --current-token)
  end
end
complete --command plan --no-files --arguments '(__plan_complete)'
`,
  ],
]);
