import { expect, it } from 'vitest';
import { faultOfReference, parseReference } from '../../src/base/image-reference.ts';

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

it.each([
  'nginx',
  'nginx:1.27-alpine',
  'localhost:5000/team/app__x/a-b--c:1',
  `Registry.Example:5000/app@${digest}`,
  `app:1@${digest}`,
  digest,
  'a'.repeat(64),
])('%s may be there', (reference) => expect(faultOfReference(reference)).toBeUndefined());

it.each([
  ['Nginx:latest', '"Nginx" has capital letters, and names of images have none: "nginx"'],
  ['nginx:', '"" is no tag'],
  [`nginx:${'a'.repeat(129)}`, 'is no tag: at most 128'],
  ['nginx:-a', '"-a" is no tag'],
  ['team//app', '"" is no part'],
  ['team/-app', '"-app" is no part'],
  ['app@sha256:12', 'comes a digest'],
  [`app@${digest}@${digest}`, 'comes a digest'],
  [`${'a/'.repeat(130)}a`, 'at most 255 characters'],
])('%s can never be there', (reference, why) => expect(faultOfReference(reference)).toContain(why));
