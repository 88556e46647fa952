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
