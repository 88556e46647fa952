import { PassError } from '../base/errors.ts';
import type { HostRange, Owner } from './compute.ts';

/** For a person who finds a name taken by something that is not what we want there. */
export function nameTaken(type: string, name: string, id: string, owner: Owner | undefined): string {
  const holder = owner
    ? `${owner.kind}/${owner.namespace}/${owner.name} (uid ${owner.uid})`
    : `a ${type} that is not of this installation`;
  return `${type} name ${name} is held by ${holder} (id ${id.slice(0, 12)}): rename or remove it`;
}

/** For a person whose range lies over another network's. */
export const overlapWords = (cidrBlock: string, name: string, range: string): string =>
  `${cidrBlock} overlaps ${range} of the Engine's network ${name}: choose another cidrBlock or remove that network`;

/** For a person whose network cannot go for the containers that somebody has put on it. */
export const networkInUse = (name: string, containers: readonly string[]): string =>
  `network ${name} cannot be removed while ${listedContainers(containers)} on it: ` +
  `remove what is not needed, or take it off the network (docker network disconnect ${name} ${containers[0]})`;

const listedContainers = ([first = '', ...others]: readonly string[]): string =>
  others.length === 0 ? `container ${first} is` : `containers ${[first, ...others].join(', ')} are`;

/** For a person whose range lies over one that the host itself is on. */
export const hostOverlapWords = (cidrBlock: string, range: HostRange): string =>
  `${cidrBlock} overlaps ${range.cidrBlock} of the host's interface ${range.interface}, and the host would reach only one of them: ` +
  'delete this VPC and make one with another cidrBlock, or remove that interface if nothing needs it';

/** For a caller that would read more of a container's file than a daemon should hold. */
export const fileTooLarge = (path: string, bytes: number, most: number): string =>
  `file ${path} has ${bytes} bytes, more than ${most}: it is not read`;

/** For a caller that would change what is not ours (I5). */
export const leftAlone = (type: string, name: string): string =>
  `${type} ${name} is not of this installation: it is left alone`;

/** The id of the network that the Engine says is not there, when that is why it refused. */
export const missingNetwork = (words: string): string | undefined => /network (\w+) not found/.exec(words)?.[1];

/** For whoever still waits for a command whose session was closed. */
export const sessionClosed = (): PassError => new PassError('EngineUnavailable', 'the session was closed');

export const otherVolume = (name: string, has: object): string =>
  `volume ${name} is there already and was made with ${Object.keys(has).length ? `other options, ${JSON.stringify(has)}` : 'no options'}: remove it, or give it another name`;
