/**
 * What a hired program finds in its environment. To answer it needs next to nothing; to edit it runs the project's own
 * tools and gets the operator's environment, but no secret except what logs it in.
 */
import type { CallMode } from './types.js';

const ALWAYS =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|XDG_\w+|SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(https?|all|no)_proxy|AUTORESEARCH_MARK_\w+|AUTORESEARCH_CONTAINMENT)$/i;

/** Nested runs refuse or write elsewhere with the first; the last would tell of an outer trial. */
const NEVER =
  /^(CLAUDECODE|CLAUDE_CODE_ENTRYPOINT|CLAUDE_CODE_SSE_PORT|COPILOT_ALLOW_ALL|OPENCODE_DIRECT_TRACE|AUTORESEARCH_(?!MARK_|CONTAINMENT$)\w*)$/;

const SECRET_NAME = /KEY|TOKEN|SECRET|PASSW|PASSPHRASE|_PWD$|CREDENTIAL|AUTH/i;
/** Speaks of a key and is none. */
const HARMLESS = /^(SSH_AUTH_SOCK|TOKENIZERS_PARALLELISM|XAUTHORITY|KEYMAP|GPG_AGENT_INFO)$/;

export interface EnvironmentRule {
  readonly mode: CallMode;
  /** Names of the variables that log the program in. */
  readonly credentials: RegExp;
  /** Names that the operator lets through besides. */
  readonly allow: readonly string[];
}

export function agentEnvironment(
  ambient: Readonly<Record<string, string | undefined>>,
  { mode, credentials, allow }: EnvironmentRule,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(ambient)) {
    if (value === undefined || NEVER.test(name)) continue;
    const isSecret = SECRET_NAME.test(name) && !HARMLESS.test(name);
    const isHandedOn = ALWAYS.test(name) || credentials.test(name) || allow.includes(name);
    if (isHandedOn || (mode === 'edit' && !isSecret)) kept[name] = value;
  }
  return { ...kept, TERM: 'dumb', NO_COLOR: '1' };
}
