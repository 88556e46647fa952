import { describe, expect, it } from 'vitest';
import { passError } from '../../../src/drivers/docker/errors.ts';

const answer = (statusCode: number, message: string) =>
  Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${message} `), { statusCode, json: { message } });

describe('passError', () => {
  it.each([
    [404, 'No such image: shop/web:9', 'ImageUnavailable'],
    [
      404,
      "pull access denied for shop/web, repository does not exist or may require 'docker login'",
      'ImageUnavailable',
    ],
    [
      500,
      'driver failed programming external connectivity on endpoint a (b): Bind for 0.0.0.0:8080 failed: port is already allocated',
      'PortInUse',
    ],
    [
      500,
      'driver failed programming external connectivity on endpoint a (b): Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use',
      'PortInUse',
    ],
    [403, 'Address already in use', 'AddressInUse'],
    [403, 'Pool overlaps with other one on this address space', 'CidrOverlap'],
    [
      400,
      'OCI runtime create failed: runc create failed: unable to start container process: exec: "/x": stat /x: no such file or directory: unknown',
      'StartFailed',
    ],
    [
      400,
      'failed to create shim task: OCI runtime create failed: exec: "/x": permission denied: unknown',
      'StartFailed',
    ],
    [500, 'could not select device driver "" with capabilities: [[gpu]]', 'StartFailed'],
    [
      500,
      'error gathering device information while adding custom device "/dev/x": no such file or directory',
      'StartFailed',
    ],
    [500, 'error while mounting volume: failed to mount local volume: mount :/x:/y: connection refused', 'StartFailed'],
    [500, 'unable to find user nobody2: no matching entries in passwd file', 'StartFailed'],
    [
      409,
      'Conflict. The container name "/a" is already in use by container "b". You have to remove (or rename) it.',
      'NameTaken',
    ],
    [400, 'invalid mount config for type "bind": bind source path does not exist: /x', 'Refused'],
    [500, 'something else', 'EngineError'],
    [404, 'No such container: a', 'EngineError'],
  ] as const)('%i %s is %s', (status, words, reason) => {
    const cause = answer(status, words);
    const error = passError(cause, 'do it');
    expect(error).toMatchObject({ reason, cause });
    expect(error.message).toContain(words);
  });

  it('the same failure has the same words, whatever ids the Engine made up for it; those of images stay', () => {
    const port = (id: string) =>
      passError(
        answer(
          500,
          `driver failed programming external connectivity on endpoint a (${id}): Bind for 0.0.0.0:80 failed: port is already allocated`,
        ),
        'start container a',
      ).message;
    expect(port('a1'.repeat(32))).toBe(port('b2'.repeat(32)));
    expect(port('a1'.repeat(32))).toContain('on endpoint a: Bind for');
    const digest = `app@sha256:${'c3'.repeat(32)}`;
    expect(passError(answer(404, `No such image: ${digest}`), 'pull').message).toContain(digest);
  });

  it.each(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EACCES'])(
    '%s is an Engine out of reach',
    (code) => {
      expect(passError(Object.assign(new Error('x'), { code }), 'do it').reason).toBe('EngineUnavailable');
    },
  );

  it('names the port that is in use', () => {
    const words = 'Error starting userland proxy: listen tcp4 127.0.0.1:8080: bind: address already in use';
    expect(passError(answer(500, words), 'start').message).toMatch(/^host port 127\.0\.0\.1:8080 is in use/);
  });

  it('leaves what is translated already', () => {
    const first = passError(answer(500, 'x'), 'one');
    expect(passError(first, 'two')).toBe(first);
  });
});
