"""The scripts of `nexusctl completion`, one for each shell.

Each hands the words up to the cursor to `nexusctl __complete SHELL` and gets lines: first what is to be completed (`words`,
`files` or `directories`), then the words. Names of files are the shell's own business: it is told what of the word stands
before the name, as in `--out=` or `@`, and the name so far. Nothing is ever printed to the terminal.
"""

from __future__ import annotations

from typing import Final

BASH: Final = r"""# bash completion of nexusctl. To have it in every shell: eval "$(nexusctl completion bash)" in ~/.bashrc
_nexusctl() {
    local program=nexusctl line
    local -a lines
    [[ $1 == */* && -x $1 ]] && program=$1
    COMPREPLY=()
    mapfile -t lines < <("$program" __complete bash "${COMP_LINE:0:COMP_POINT}" 2>/dev/null </dev/null)
    case ${lines[0]-} in
        words)
            for line in "${lines[@]:1}"; do
                COMPREPLY+=("$line")
                [[ $line == *= || $line == */ ]] && compopt -o nospace 2>/dev/null
            done ;;
        files)
            if [[ ${lines[1]-} == *@* ]]; then
                mapfile -t COMPREPLY < <(compgen -P "${lines[1]}" -f -- "${lines[2]-}")
            else
                compopt -o default 2>/dev/null
            fi ;;
        directories) compopt -o dirnames 2>/dev/null ;;
    esac
    return 0
}
complete -o nosort -F _nexusctl nexusctl 2>/dev/null || complete -F _nexusctl nexusctl
"""

ZSH: Final = r"""#compdef nexusctl
# zsh completion of nexusctl. To have it in every shell: nexusctl completion zsh > FOLDER/_nexusctl, FOLDER being in $fpath
_nexusctl() {
    local program=nexusctl
    local -a lines
    [[ $words[1] == */* && -x $words[1] ]] && program=$words[1]
    lines=("${(@f)$("$program" __complete zsh "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
    case $lines[1] in
        words) shift lines; (( $#lines )) && _describe -V -t nexusctl nexusctl lines ;;
        files) [[ -n $lines[2] ]] && compset -P "${(b)lines[2]}"; _files ;;
        directories) [[ -n $lines[2] ]] && compset -P "${(b)lines[2]}"; _files -/ ;;
    esac
}
if [[ $funcstack[1] == _nexusctl ]]; then _nexusctl "$@"; else compdef _nexusctl nexusctl; fi
"""

FISH: Final = r"""# fish completion of nexusctl. To have it in every shell:
#   nexusctl completion fish > ~/.config/fish/completions/nexusctl.fish
function __nexusctl_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l program nexusctl
    string match -q '*/*' -- $before[1]; and test -x $before[1]; and set program $before[1]
    set -l lines ($program __complete fish $before "$current" 2>/dev/null </dev/null)
    switch "$lines[1]"
        case words
            set -e lines[1]
            string join \n -- $lines
        case files
            for name in (__fish_complete_path "$lines[3]")
                echo -- "$lines[2]$name"
            end
        case directories
            for name in (__fish_complete_directories "$lines[3]" '')
                echo -- "$lines[2]$name"
            end
    end
end
complete -c nexusctl -f -k -a '(__nexusctl_complete)'
"""

SCRIPTS: Final = {"bash": BASH, "zsh": ZSH, "fish": FISH}
