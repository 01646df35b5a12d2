/**
 * What a sandbox hides of a person's files, and what the agent CLIs need of their own: data, by places in the home folder.
 * A place that does not exist is passed over.
 */

/** Keys, logins and what else opens doors elsewhere. */
export const SECRETS: readonly string[] = [
  ...['.ssh', '.gnupg', '.pki', '.password-store', '.local/share/keyrings', '.config/keepassxc', '.config/op'],
  ...['.aws', '.azure', '.config/gcloud', '.config/doctl', '.config/hcloud', '.kube', '.docker', '.config/containers'],
  ...[
    '.config/gh',
    '.config/hub',
    '.config/glab-cli',
    '.git-credentials',
    '.config/git/credentials',
    '.netrc',
    '.authinfo',
  ],
  ...['.npmrc', '.yarnrc.yml', '.pypirc', '.cargo/credentials', '.cargo/credentials.toml', '.gem/credentials'],
  ...['.m2/settings.xml', '.gradle/gradle.properties', '.terraform.d', '.vault-token', '.pgpass', '.my.cnf'],
  ...['.cache/huggingface/token', '.huggingface', '.kaggle', '.config/wandb', '.config/openai', '.config/anthropic'],
  ...['.config/rclone', '.s3cfg', '.boto', '.databrickscfg', '.snowflake', '.config/sops', '.config/age', '.age'],
  ...['.config/stripe', '.config/netlify', '.local/share/com.vercel.cli', '.fly', '.config/ngrok', '.ngrok2'],
  ...['.config/pip/pip.conf', '.pip/pip.conf', '.composer/auth.json', '.nuget/NuGet', '.config/github-copilot'],
  ...['.Xauthority', '.ICEauthority', '.local/share/kwalletd', '.bitcoin', '.ethereum', '.electrum'],
  ...[
    '.var/app',
    'snap/firefox',
    'snap/chromium',
    '.mozilla',
    '.thunderbird',
    '.config/google-chrome',
    '.config/chromium',
    '.config/BraveSoftware',
  ],
  ...['.bash_history', '.zsh_history', '.local/share/fish', '.python_history', '.node_repl_history', '.psql_history'],
];

interface AgentPlaces {
  /** Below the home folder. */
  readonly home: readonly string[];
  /** Variables that name such a folder elsewhere. */
  readonly variables: readonly string[];
}

/** Where each agent CLI keeps its login, its settings and its sessions: writable for it, hidden from everybody else. */
export const AGENT_PLACES: Readonly<Record<string, AgentPlaces>> = {
  claude: {
    home: ['.claude', '.claude.json', '.config/claude', '.local/state/claude', '.cache/claude-cli-nodejs'],
    variables: ['CLAUDE_CONFIG_DIR'],
  },
  codex: { home: ['.codex'], variables: ['CODEX_HOME'] },
  gemini: { home: ['.gemini'], variables: [] },
  opencode: {
    home: ['.config/opencode', '.local/share/opencode', '.local/state/opencode', '.cache/opencode'],
    variables: [],
  },
  pi: { home: ['.pi'], variables: ['PI_CODING_AGENT_DIR'] },
  aider: { home: ['.aider', '.aider.conf.yml', '.aider.model.settings.yml'], variables: [] },
};

/** Sockets of services lie here (D-Bus, Docker, systemd, LXD): seen empty but for what names and programs are found by. */
export const SERVICES: readonly string[] = ['/run', '/var/lib/lxd', '/var/snap/lxd', '/var/lib/incus'];
export const SHOWN_SERVICES: readonly string[] = [
  ...['/run/systemd/resolve', '/run/resolvconf', '/run/NetworkManager/resolv.conf'],
  ...['/run/current-system', '/run/booted-system', '/run/opengl-driver'],
];

/** Other people's temporary files and sockets; inside there is a folder of the command's own in their place. */
export const TEMPORARY: readonly string[] = ['/tmp', '/var/tmp'];
