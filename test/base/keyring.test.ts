import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Keyring, keyIdOf, masterKey, MissingKeyError, newMasterKey } from '../../src/base/keyring.ts';

const [first, second] = [newMasterKey(), newMasterKey()];

describe('what is encrypted under a master key', () => {
  it('is read again, whatever it is, and tells nothing of itself but its key and its length', () => {
    const keyring = new Keyring([first]);
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 8 }), fc.string(), (text, context) => {
        const encrypted = keyring.encrypt(text, context);
        expect(keyring.decrypt(encrypted, context)).toBe(text);
        expect(encrypted).not.toContain(text);
        expect(keyring.encrypt(text, context)).not.toBe(encrypted);
        expect(keyIdOf(encrypted)).toBe(first.id);
      }),
    );
  });

  it('cannot be read when one byte of it was changed, or where it does not belong', () => {
    const keyring = new Keyring([first]);
    const encrypted = keyring.encrypt('a password', 'here');
    expect(() => keyring.decrypt(encrypted, 'there')).toThrow('was changed, or moved from elsewhere');
    const parts = encrypted.split(':');
    for (const at of [parts.length - 1, parts.length - 2]) {
      const bytes = Buffer.from(parts[at] ?? '', 'base64');
      bytes[bytes.length >> 1]! ^= 1;
      const changed = parts.with(at, bytes.toString('base64')).join(':');
      expect(() => keyring.decrypt(changed, 'here')).toThrow('was changed');
    }
    expect(() => keyring.decrypt('a password', 'here')).toThrow('is none');
  });

  it('names the key that is missing, and is read when that is found again', () => {
    const encrypted = new Keyring([first]).encrypt('a password', 'here');
    const found: ReturnType<typeof newMasterKey>[] = [];
    const keyring = new Keyring([second], () => found);
    expect(() => keyring.decrypt(encrypted, 'here')).toThrow(new MissingKeyError(first.id));
    found.push(first);
    expect(keyring.decrypt(encrypted, 'here')).toBe('a password');
    expect(keyring.currentId).toBe(second.id);
  });

  it('is encrypted under the key that is used now, and what was before stays readable', () => {
    const keyring = new Keyring([first]);
    const before = keyring.encrypt('a password', 'here');
    keyring.use([second]);
    expect(keyIdOf(keyring.encrypt('another', 'here'))).toBe(second.id);
    expect(keyring.decrypt(before, 'here')).toBe('a password');
  });
});

it('a key of another length is none, and one has the same id wherever it is', () => {
  expect(() => masterKey(Buffer.alloc(31))).toThrow('a master key has 32 bytes, this one has 31');
  expect(masterKey(Buffer.from(first.key)).id).toBe(first.id);
  expect(first.id).toMatch(/^[0-9a-f]{16}$/);
});
