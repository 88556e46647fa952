import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { PassError, type PassReason } from '../../../src/base/errors.ts';
import type {
  Change,
  Compute,
  Container,
  ContainerSpec,
  Network,
  NetworkSpec,
  OutputChunk,
  Owner,
} from '../../../src/drivers/compute.ts';
import { engineName } from '../../../src/drivers/labels.ts';
import { eventually } from '../../support/wait.ts';

/** What a person, or another program, does to the Engine behind the driver's back. */
interface Tamper {
  kill(id: string): Promise<void>;
  stop(id: string): Promise<void>;
  pause(id: string): Promise<void>;
  rename(id: string, name: string): Promise<void>;
  remove(id: string): Promise<void>;
  disconnect(id: string, networkId: string): Promise<void>;
  removeNetwork(id: string): Promise<void>;
  /** Both answer the new object's id; they are removed after the test file. */
  /** It runs where it is given a network to be on. */
  foreignContainer(name: string, networkId?: string): Promise<string>;
  foreignNetwork(name: string, cidrBlock: string): Promise<string>;
  foreignVolume(name: string): Promise<void>;
  cut(): Promise<void>;
  restore(): Promise<void>;
}

export interface ContractSubject {
  compute: Compute;
  /** Another driver on the same Engine for the same installation, as a daemon started anew has. */
  another(): Compute;
  /** An image with sh, echo, sleep and cat. */
  image: string;
  tamper: Tamper;
  /** Ranges 10.213.x.0/24 are used. */
  close(): Promise<void>;
}

/** What every part of the contract works with. The fields are there once the first test runs. */
export interface ContractContext {
  readonly subject: ContractSubject;
  readonly compute: Compute;
  readonly tamper: Tamper;
  /** A network to put containers on. */
  readonly network: Network;
  /** What was told since the test began. */
  readonly changes: Change[];
  readonly owner: (kind?: string, label?: string) => Owner;
  /** A network of its own, on a range that no other test uses. */
  readonly networkSpec: (more?: Partial<NetworkSpec>) => NetworkSpec;
  readonly containerSpec: (more?: Partial<ContainerSpec>) => ContainerSpec;
  readonly started: (more?: Partial<ContainerSpec>) => Promise<Container>;
  readonly seen: (uid: string) => Container | undefined;
  /** The container with this uid; fails when there is none or more than one. */
  readonly theOne: (uid: string) => Container;
  readonly heard: (uid: string, words: RegExp) => Promise<Change>;
}

/** Opens the subject before the first test of this `describe` and closes it after the last. */
export function contractContext(open: () => Promise<ContractSubject>): ContractContext {
  let subject: ContractSubject;
  let network: Network;
  let changes: Change[] = [];
  let hosts = 10;
  let subnets = 10;

  const owner = (kind = 'Instance', label = 'web'): Owner => ({
    uid: randomUUID(),
    kind,
    namespace: 'contract',
    name: label,
    generation: 1,
  });
  const networkSpec = (more: Partial<NetworkSpec> = {}): NetworkSpec => {
    const by = owner('VPC', 'net');
    const third = subnets++;
    return {
      owner: by,
      name: engineName(by),
      cidrBlock: `10.213.${third}.0/24`,
      gateway: `10.213.${third}.1`,
      internal: false,
      ...more,
    };
  };
  const address = () => network.gateway.replace(/\.1$/, `.${hosts++}`);
  const containerSpec = (more: Partial<ContainerSpec> = {}): ContainerSpec => {
    const by = more.owner ?? owner();
    return {
      owner: by,
      specHash: 'a1',
      name: engineName(by),
      hostname: by.name,
      image: subject.image,
      command: ['sleep', '1000'],
      env: { GREETING: 'hello' },
      labels: { team: 'blue' },
      ports: [],
      mounts: [],
      attachment: { networkId: network.id, address: address(), aliases: [by.name] },
      stopGraceMs: 1_000,
      logs: { maxBytes: 1_000_000, maxFiles: 2 },
      restart: 'no',
      ...more,
    };
  };
  const started = async (more: Partial<ContainerSpec> = {}): Promise<Container> => {
    const made = await subject.compute.createContainer(containerSpec(more));
    await subject.compute.startContainer(made.id);
    return theOne(made.owner.uid);
  };
  const seen = (uid: string): Container | undefined => {
    const observed = subject.compute.containers(uid);
    return observed.state === 'present' ? observed.value[0] : undefined;
  };
  const theOne = (uid: string): Container => {
    const observed = subject.compute.containers(uid);
    if (observed.state !== 'present' || observed.value.length !== 1) throw new Error(JSON.stringify(observed));
    return observed.value[0]!;
  };
  const heard = (uid: string, words: RegExp) =>
    eventually(`a change of ${uid} saying ${words}`, () =>
      changes.find((change) => change.owner?.uid === uid && words.test(change.what)),
    );

  beforeAll(async () => {
    subject = await open();
    await subject.compute.open();
    subject.compute.subscribe((change) => changes.push(change));
    network = await subject.compute.createNetwork(networkSpec());
  });
  beforeEach(() => void (changes = []));
  afterAll(() => subject?.close());

  return {
    get subject() {
      return subject;
    },
    get compute() {
      return subject.compute;
    },
    get tamper() {
      return subject.tamper;
    },
    get network() {
      return network;
    },
    get changes() {
      return changes;
    },
    owner,
    networkSpec,
    containerSpec,
    started,
    seen,
    theOne,
    heard,
  };
}

export async function expectPassError(reason: PassReason, promise: Promise<unknown>): Promise<PassError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(PassError);
  expect({ reason: (error as PassError).reason, message: (error as PassError).message }).toMatchObject({ reason });
  return error as PassError;
}

export async function collect(chunks: AsyncIterable<OutputChunk>): Promise<OutputChunk[]> {
  const all: OutputChunk[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

export const textOf = (chunks: readonly OutputChunk[], stream: OutputChunk['stream']): string =>
  Buffer.concat(chunks.filter((chunk) => chunk.stream === stream).map((chunk) => chunk.data)).toString();
