/** Size of a file, a folder or a container image. Symbolic links inside a folder are not followed. */
import { createReadStream } from 'node:fs';
import { lstat, readdir, realpath } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { createGzip } from 'node:zlib';
import { AppError, errnoOf } from '../core/errors.js';
import { oneLine } from '../core/text.js';
import { runTool } from '../process/tool.js';
import { reportFailure, runToSuccess } from './commands.js';
import { OptionReader } from './options.js';
import type { BuiltInEvaluator, EvaluatorIo } from './types.js';

export const benchmarkSize: BuiltInEvaluator = {
  name: 'benchmark_size',
  summary: 'Size of a file, folder or container image; prints size_bytes, and files or gzip_bytes where they apply.',
  metric: 'size_bytes',
  direction: 'lower',
  example: "autoresearch evaluate benchmark_size --build 'npm run build' --path dist",
  options: [
    {
      flag: '--path',
      value: '<path>',
      help: 'File or folder to measure: the sum of the file lengths; links inside a folder count as their own length',
      required: false,
    },
    { flag: '--image', value: '<name>', help: 'Container image to measure instead, by docker', required: false },
    { flag: '--build', value: '<command>', help: 'Shell command to run first; it must exit 0', required: false },
    {
      flag: '--gzip',
      help: 'Also print gzip_bytes: every file compressed by itself at level 9, added up',
      required: false,
    },
  ],
  async run(options, io) {
    const read = new OptionReader(benchmarkSize, options);
    const path = read.text('path');
    const image = read.text('image');
    const build = read.text('build');
    const withGzip = read.isSet('gzip');
    if ((path === null) === (image === null)) throw read.error('give either --path or --image');
    if (image !== null && withGzip) throw read.error('--gzip goes with --path');
    if (build !== null) {
      const built = await runToSuccess(build, 'the build', io);
      if ('what' in built) return reportFailure(built, io);
    }
    return image === null
      ? await measurePath(resolve(io.cwd, path ?? ''), withGzip, io)
      : await measureImage(image, io);
  },
};

async function measurePath(path: string, withGzip: boolean, io: EvaluatorIo): Promise<number> {
  const entries = await listEntries(path);
  if (entries === null) {
    return reportFailure({ what: `there is nothing at ${path}`, exitCode: null, output: '' }, io);
  }
  if (entries.length === 0) {
    return reportFailure({ what: `the folder ${path} holds no files`, exitCode: null, output: '' }, io);
  }
  const links = entries.filter((entry) => entry.isLink).length;
  if (links > 0) io.note(`${links} symbolic link(s) were not followed`);
  io.print(`size_bytes: ${entries.reduce((sum, entry) => sum + entry.bytes, 0)}`);
  if (withGzip) {
    let gzipBytes = 0;
    for (const entry of entries) if (!entry.isLink) gzipBytes += await gzipSize(entry.path);
    io.print(`gzip_bytes: ${gzipBytes}`);
  }
  io.print(`files: ${entries.length}`);
  return 0;
}

interface SizedEntry {
  readonly path: string;
  readonly bytes: number;
  readonly isLink: boolean;
}

/** Every file and link below `root`, or `root` itself where it is a file; null where there is nothing. */
async function listEntries(root: string): Promise<readonly SizedEntry[] | null> {
  const entries: SizedEntry[] = [];
  const start = await realPath(root);
  const pending = start === null ? [] : [start];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stat = await lstat(path);
    if (stat.isDirectory()) for (const name of await readdir(path)) pending.push(join(path, name));
    else if (stat.isFile() || stat.isSymbolicLink()) {
      entries.push({ path, bytes: stat.size, isLink: stat.isSymbolicLink() });
    }
  }
  return start === null ? null : entries;
}

/** The path that was named may itself be a link to what is meant (`dist` -> `build/latest`). */
async function realPath(path: string): Promise<string | null> {
  try {
    return await realpath(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return null;
    throw error;
  }
}

async function gzipSize(path: string): Promise<number> {
  let bytes = 0;
  const file = createReadStream(path);
  const gzip = createGzip({ level: 9 });
  file.once('error', (error) => gzip.destroy(error));
  for await (const chunk of file.pipe(gzip)) bytes += (chunk as Buffer).length;
  return bytes;
}

async function measureImage(image: string, io: EvaluatorIo): Promise<number> {
  const result = await runTool(['docker', 'image', 'inspect', '--format', '{{.Size}}', '--', image], {
    cwd: io.cwd,
    env: io.env,
    ...(io.signal === undefined ? {} : { signal: io.signal }),
  });
  const size = result.stdout.toString('utf8').trim();
  if (result.exitCode === 0 && /^\d+$/.test(size)) {
    io.print(`size_bytes: ${size}`);
    return 0;
  }
  if (/no such image/i.test(result.stderr)) {
    return reportFailure({ what: `docker has no image ${oneLine(image)}`, exitCode: null, output: '' }, io);
  }
  const reason = result.problem || oneLine(result.stderr) || `docker answered "${oneLine(size, 60)}"`;
  throw new AppError('environment', `the image ${oneLine(image)} cannot be measured: ${reason}`, {
    hint: `try: docker image inspect ${oneLine(image)}`,
  });
}
