import { tmpdir } from 'node:os';

// Every test process is cut off from this machine's git configuration and from any repository above its temporary
// folder, so that a test means the same on every machine.
const { TESTS_TMPDIR } = process.env;
if (TESTS_TMPDIR) process.env['TMPDIR'] = TESTS_TMPDIR;
process.env['GIT_CONFIG_GLOBAL'] = '/dev/null';
process.env['GIT_CONFIG_NOSYSTEM'] = '1';
process.env['GIT_CEILING_DIRECTORIES'] = tmpdir();
process.env['NO_COLOR'] = '1';
for (const name of Object.keys(process.env)) if (name.startsWith('AUTORESEARCH_')) delete process.env[name];
