import { InvalidArgumentError } from 'commander';
import type { PolicyRule } from '../../../api/access.ts';
import { definedOnly } from '../../../base/defined.ts';

const FORM = /^(\S+) (\S+)(?: in (\S+))?(?: named (\S+))?$/;

/** `get,patch scalinggroups in shop named web`. The server has the last word about each of them. */
export function ruleFlag(text: string): PolicyRule {
  const [, verbs, resources, namespaces, names] = FORM.exec(text.trim().replaceAll(/\s+/g, ' ')) ?? [];
  if (verbs === undefined || resources === undefined)
    throw new InvalidArgumentError(
      'expected "VERBS RESOURCES [in NAMESPACES] [named NAMES]", each with commas between.',
    );
  return {
    verbs: verbs.split(','),
    resources: resources.split(','),
    ...definedOnly({ namespaces: namespaces?.split(','), resourceNames: names?.split(',') }),
  };
}
