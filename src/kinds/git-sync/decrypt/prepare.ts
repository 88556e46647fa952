import { isScalar, visit } from 'yaml';
import type { Document, Scalar } from 'yaml';
import type { Prepare } from '../../../admission/load.ts';
import { isArmored } from './age.ts';
import type { Decrypted } from './findings.ts';
import { dropSops, sopsPair } from './sops-metadata.ts';
import { isCipherText } from './sops-value.ts';

/** What a person does where the sync does not decrypt. */
export const TO_DECRYPT = 'name the Secret with its age identity in spec.decrypt';
/** Something of it is in every text with something encrypted. */
const MARKS = /ENC\[AES256_GCM,|-----BEGIN AGE ENCRYPTED FILE-----|sops/;
const NO_KEY = 'the value is encrypted, and its document does not say by which key (sops): encrypt the file anew';
const TWICE =
  'the value is still encrypted: it was encrypted twice, or a variable before it changes what it belongs to; correct that';

export const mayBeEncrypted = (text: string): boolean => MARKS.test(text);

/** Puts the plain values into a document. `values`: by where the encrypted ones begin in the text that is loaded. */
export const revealing =
  (values: Decrypted['values']): Prepare =>
  ({ yaml, offset }) => {
    const message = sopsPair(yaml) ? TWICE : NO_KEY;
    dropSops(yaml);
    return encryptedIn(yaml).flatMap(({ node, at }) => {
      const plain = values.get(offset + at);
      if (plain === undefined) return [{ offset: at, message: isArmored(node.value) ? TWICE : message }];
      node.value = plain;
      return [];
    });
  };

/** Nothing encrypted is ever applied as if it were the value. */
export const refusingEncrypted: Prepare = ({ yaml }) => {
  const key = sopsPair(yaml)?.key;
  if (isScalar(key))
    return [{ offset: key.range?.[0] ?? 0, message: `the document is encrypted by sops: ${TO_DECRYPT}` }];
  return encryptedIn(yaml).map(({ at }) => ({ offset: at, message: `the value is encrypted: ${TO_DECRYPT}` }));
};

function encryptedIn(yaml: Document.Parsed): { node: Scalar; at: number }[] {
  const found: { node: Scalar; at: number }[] = [];
  visit(yaml, {
    Scalar(key, node) {
      if (key !== 'key' && (isCipherText(node.value) || isArmored(node.value)))
        found.push({ node, at: node.range?.[0] ?? 0 });
    },
  });
  return found;
}
