/** An image reference's parts: `registry.example:5000/team/app:1.2`, `app@sha256:…`. */
export interface ImageReference {
  /** As a pull names it, registry included. */
  repository: string;
  /** A tag or a digest; `latest` when none is given: without one, the Engine would pull every tag. */
  tag: string;
  /** The registry's host, `docker.io` when the reference names none. */
  registry: string;
}

export function parseReference(reference: string): ImageReference {
  const [name = '', digest] = reference.split('@');
  const colon = name.lastIndexOf(':');
  const hasTag = colon > name.lastIndexOf('/');
  const repository = hasTag ? name.slice(0, colon) : name;
  return {
    repository,
    tag: digest ?? (hasTag ? name.slice(colon + 1) : 'latest'),
    registry: registryOf(repository),
  };
}

/** Docker's rule: the first part is a host when it has a dot or a port, or is `localhost`. */
function registryOf(repository: string): string {
  const [first = '', ...rest] = repository.split('/');
  return rest.length > 0 && (/[.:]/.test(first) || first === 'localhost') ? first : 'docker.io';
}

/** The forms of Docker's own parser (distribution/reference). */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*$/;
const HOST = /^[A-Za-z0-9.-]+(?::\d{1,5})?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const LONGEST_NAME = 255;

/** Why no registry can ever have it, or `undefined`. */
export function faultOfReference(reference: string): string | undefined {
  // The Engine's own id of an image is taken too.
  if (/^(sha256:)?[0-9a-f]{64}$/.test(reference)) return undefined;
  const { repository, registry } = parseReference(reference);
  const [name = '', digest, ...more] = reference.split('@');
  const tag = name.slice(repository.length + 1);
  if (more.length > 0 || (digest !== undefined && !DIGEST.test(digest)))
    return 'after "@" comes a digest: sha256: and 64 hex digits';
  if (name !== repository && !TAG.test(tag))
    return `"${tag}" is no tag: at most 128 letters, digits, "_", "." and "-", beginning with a letter or digit`;
  const isNamed = repository.startsWith(`${registry}/`);
  if (isNamed && !HOST.test(registry)) return `"${registry}" is no registry`;
  if (repository.length > LONGEST_NAME) return `a name has at most ${LONGEST_NAME} characters`;
  const components = (isNamed ? repository.slice(registry.length + 1) : repository).split('/');
  const wrong = components.find((component) => !COMPONENT.test(component));
  if (wrong === undefined) return undefined;
  return /[A-Z]/.test(wrong)
    ? `"${wrong}" has capital letters, and names of images have none: "${wrong.toLowerCase()}"`
    : `"${wrong}" is no part of an image's name: lower-case letters and digits, with ".", "_" or "-" between them`;
}

/** An image's id as `docker images` prints it. */
export const shortImageId = (id: string): string => id.replace(/^sha256:/, '').slice(0, 12);

/** A reference or id as the Engine writes it in its lists: `docker.io/library/nginx` is `nginx:latest`. */
export function familiarReference(reference: string): string {
  const [, id] = /^(?:sha256:)?([0-9a-f]{64})$/.exec(reference) ?? [];
  if (id !== undefined) return `sha256:${id}`;
  const { repository, tag } = parseReference(reference);
  const name = repository.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
  return `${name}${tag.startsWith('sha256:') ? '@' : ':'}${tag}`;
}
