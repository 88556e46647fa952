import { describe } from 'vitest';
import { changeContract } from './contract/changes.ts';
import { containerContract } from './contract/containers.ts';
import { contractContext, type ContractContext, type ContractSubject } from './contract/context.ts';
import { fileContract } from './contract/files.ts';
import { imageContract } from './contract/images.ts';
import { networkContract } from './contract/networks.ts';
import { outputContract } from './contract/output.ts';
import { reachContract } from './contract/reach.ts';

/** The promises of `Compute`, the same for every implementation, and those that `more` adds for this one. */
export function computeContract(
  name: string,
  open: () => Promise<ContractSubject>,
  more?: (context: ContractContext) => void,
): void {
  describe(name, () => {
    const context = contractContext(open);
    reachContract(context);
    networkContract(context);
    containerContract(context);
    changeContract(context);
    fileContract(context);
    imageContract(context);
    outputContract(context);
    more?.(context);
  });
}
