/** A service as `install` would define it, on a machine that is always the same. */
import { defineService, homesOf, type ServiceDefinition } from '../../src/service/definition.js';

export interface DefinitionParts {
  readonly repository?: string;
  readonly home?: string;
  readonly program?: readonly [string, string];
}

export function definitionWith({
  repository = '/srv/shop',
  home = '/home/eve',
  program = ['/opt/node/bin/node', '/opt/autoresearch/dist/cli.js'],
}: DefinitionParts): ServiceDefinition {
  return defineService({
    ...{ name: 'autoresearch-api', identity: 'autoresearch-1a2b3c4d', experiment: 'engineering/api-speed' },
    ...{ repository, program, ambient: { PATH: '/opt/node/bin:/usr/bin' }, homes: homesOf({}, home) },
  });
}
