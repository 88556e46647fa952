import { messageOf, PassError } from '../base/errors.ts';
import { silentLog, type Log } from '../base/log.ts';
import type { Compute, Owner } from './compute.ts';

/** Has `haproxy`, and busybox's `sh`, `nc` and `kill`. */
export const PULLED_PROXY_IMAGE = 'haproxy:2.6-alpine';
/** Made here, where no registry can be reached. */
export const BUILT_PROXY_IMAGE = 'miniaws/haproxy:2.6';

/** Those that the daemon runs load balancers in. */
export const PROXY_IMAGES: readonly string[] = [BUILT_PROXY_IMAGE, PULLED_PROXY_IMAGE];

/** Milliseconds that a pass waits for a pull; a longer one goes on, and its end is a `Change` for the owner. */
const PULL_WAIT_MS = 20_000;

/** The image that proxies run in. */
export interface ProxyImages {
  /**
   * Its reference on the Engine: there already, else pulled, else built here and imported. Two callers share one
   * build. `ImageUnavailable`: it is being pulled, or can be had in neither way; the message says what to do.
   */
  ensure(owner: Owner): Promise<string>;
}

/** What `Compute.importImage` makes an image of. */
interface Archive {
  tar: Buffer;
  changes: readonly string[];
}

export interface ProxyImageOptions {
  compute: Compute;
  build: () => Promise<Archive>;
  log?: Log;
}

export function createProxyImages({ compute, build, log = silentLog }: ProxyImageOptions): ProxyImages {
  let building: Promise<string> | undefined;

  /** The built one first: it is only there because the other could not be had, and what runs should stay what it is. */
  async function present(): Promise<string | undefined> {
    for (const reference of [BUILT_PROXY_IMAGE, PULLED_PROXY_IMAGE]) {
      if ((await compute.image(reference)).state === 'present') return reference;
    }
    return undefined;
  }

  /** `undefined`: it is there; else why it cannot be pulled. */
  async function pull(owner: Owner): Promise<PassError | undefined> {
    const state = await compute.pullImage(PULLED_PROXY_IMAGE, owner, PULL_WAIT_MS).catch((error: unknown) => {
      if (error instanceof PassError && error.reason === 'ImageUnavailable') return error;
      throw error;
    });
    if (state instanceof PassError) return state;
    if (state.state !== 'pulling') return undefined;
    throw new PassError('ImageUnavailable', `image ${PULLED_PROXY_IMAGE} is being pulled: ${state.progress}`);
  }

  async function buildHere(why: PassError): Promise<string> {
    log.info({ image: BUILT_PROXY_IMAGE, why: why.message }, 'building the image of load balancers');
    try {
      const { tar, changes } = await build();
      await compute.importImage(tar, BUILT_PROXY_IMAGE, changes);
      return BUILT_PROXY_IMAGE;
    } catch (error) {
      if (error instanceof PassError && error.reason === 'EngineUnavailable') throw error;
      const ways = `it cannot be pulled (${why.message}) nor built here (${messageOf(error)})`;
      const todo = `run 'docker pull ${PULLED_PROXY_IMAGE}' on the Engine, or load that image from another machine`;
      throw new PassError('ImageUnavailable', `the image of load balancers: ${ways}; ${todo}`, error);
    }
  }

  return {
    async ensure(owner) {
      const there = await present();
      if (there !== undefined) return there;
      const why = await pull(owner);
      if (why === undefined) return PULLED_PROXY_IMAGE;
      building ??= buildHere(why).finally(() => (building = undefined));
      return building;
    },
  };
}
