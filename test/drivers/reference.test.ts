import { expect, it } from 'vitest';
import { parseReference } from '../../src/drivers/reference.ts';

const digest = `sha256:${'a'.repeat(64)}`;

it.each([
  ['nginx', 'nginx', 'latest', 'docker.io'],
  ['nginx:1.27', 'nginx', '1.27', 'docker.io'],
  ['team/app:1', 'team/app', '1', 'docker.io'],
  ['registry.example/team/app', 'registry.example/team/app', 'latest', 'registry.example'],
  ['registry.example:5000/app:2', 'registry.example:5000/app', '2', 'registry.example:5000'],
  ['localhost/app', 'localhost/app', 'latest', 'localhost'],
  [`app@${digest}`, 'app', digest, 'docker.io'],
  [`registry.example:5000/app:1@${digest}`, 'registry.example:5000/app', digest, 'registry.example:5000'],
])('%s is repository %s, tag %s, of %s', (reference, repository, tag, registry) => {
  expect(parseReference(reference)).toEqual({ repository, tag, registry });
});
