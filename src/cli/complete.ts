import type { Command, Option } from 'commander';
import { AppError } from '../core/errors.js';
import type { AddCommands } from './main.js';
import { out } from './output.js';
import { openPlace } from './place.js';

/**
 * Completion for bash, zsh and fish. The scripts only ask `autoresearch complete -- <words>`, so that they never lag
 * behind the program: commands and options come from the program itself, names from the experiments of this repository.
 */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_autoresearch() {
  local IFS=$'\\n'
  COMPREPLY=($(autoresearch complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o nosort -o default -F _autoresearch autoresearch
`,
  zsh: `#compdef autoresearch
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_autoresearch() {
  local -a found
  found=("\${(@f)$(autoresearch complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n $found ]]; then compadd -a found; else _files; fi
}
if [[ $funcstack[1] = _autoresearch ]]; then _autoresearch "$@"; else compdef _autoresearch autoresearch; fi
`,
  fish: `complete -c autoresearch -f -a '(autoresearch complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
complete -c autoresearch -l path -rF
`,
};

const INSTALL: Readonly<Record<string, string>> = {
  bash: 'autoresearch completion bash >> ~/.bashrc',
  zsh: 'autoresearch completion zsh >> ~/.zshrc',
  fish: 'autoresearch completion fish > ~/.config/fish/completions/autoresearch.fish',
};

export const addCompletion: AddCommands = (program: Command) => {
  program
    .command('completion')
    .description('print the completion script of a shell: bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .addHelpText(
      'after',
      `\nInstall it:\n${Object.values(INSTALL)
        .map((line) => `  ${line}`)
        .join('\n')}`,
    )
    .action((shell: string) => {
      const script = Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
      if (script !== undefined) return out(script.trimEnd());
      throw new AppError('usage', `there is no completion for "${shell.slice(0, 40)}"`, {
        hint: 'autoresearch completion bash, zsh or fish',
      });
    });
  program
    .command('complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      const found = await candidates(program, words, experimentNames);
      if (found.length > 0) out(found.join('\n'));
    });
};

/** What may stand in place of the last word. */
export async function candidates(
  program: Command,
  words: readonly string[],
  names: () => Promise<readonly string[]>,
): Promise<readonly string[]> {
  const { before, last, kept } = cut(words);
  let command = program;
  for (const word of before) {
    command = command.commands.find((each) => each.name() === word || each.aliases().includes(word)) ?? command;
  }
  const all = await allowed(command, before.at(-1) ?? '', { last, names });
  return all.filter((word) => word.startsWith(last)).map((word) => `${kept}${word}`);
}

/** `--format=js` means `--format js`. bash makes three words of it, and fills in only the third. */
function cut(words: readonly string[]): { before: readonly string[]; last: string; kept: string } {
  const last = words.at(-1) ?? '';
  const before = words.slice(0, -1).filter((word) => word !== '=');
  const [, option, value] = /^(--[a-z-]+)=(.*)$/s.exec(last) ?? [];
  if (option !== undefined) return { before: [...before, option], last: value ?? '', kept: `${option}=` };
  return { before, last: last === '=' ? '' : last, kept: '' };
}

interface Asked {
  readonly last: string;
  readonly names: () => Promise<readonly string[]>;
}

async function allowed(command: Command, before: string, { last, names }: Asked): Promise<readonly string[]> {
  const value = command.options.find((option) => isOption(option, before) && (option.required || option.optional));
  if (value) return value.long === '--experiment' ? names() : (value.argChoices ?? []);
  if (last.startsWith('-')) {
    return ['--help', ...command.options.flatMap(({ long, hidden }) => (long && !hidden ? [long] : []))];
  }
  return command
    .createHelp()
    .visibleCommands(command)
    .map((each) => each.name());
}

function isOption({ long, short }: Option, word: string): boolean {
  return word !== '' && (word === long || word === short);
}

async function experimentNames(): Promise<readonly string[]> {
  const { listExperiments } = await import('../config/discovery.js');
  const { discovery } = await openPlace({});
  return listExperiments(discovery).map(({ label }) => label);
}
