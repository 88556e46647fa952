interface WithInit {
  init?: boolean;
}

/**
 * What is made from now on has an init unless it says otherwise. What was stored without the field goes on without:
 * its container was made so.
 */
export function withInit<S extends WithInit>(spec: S, old: WithInit | undefined): S {
  const isOlder = old !== undefined && old.init === undefined;
  return spec.init !== undefined || isOlder ? spec : { ...spec, init: true };
}

/** Says what absence means, where admission would fill in something else. */
export const initSaid = <S extends WithInit>(spec: S): S => ({ ...spec, init: spec.init ?? false });
