import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

const FILE = new URL('../../../manifests/default-vpc.yaml', import.meta.url);

/** The document that a namespace's `default` VPC is made from, when something wants to live in it. */
const document = parse(readFileSync(FILE, 'utf8')) as {
  apiVersion: string;
  kind: string;
  metadata: { name: string };
  spec: object;
};

export const defaultVpcIn = (namespace: string) => ({ ...document, metadata: { ...document.metadata, namespace } });
