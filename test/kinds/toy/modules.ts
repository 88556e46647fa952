import { MODULES } from '../../../src/kinds/index.ts';
import type { KindModule } from '../../../src/kinds/shared/kind-module.ts';
import { note } from './note.ts';
import { zone } from './zone.ts';

/** The program's kinds, and two that no part of the program knows: each is its file and its entry here. */
export const TOYS: readonly KindModule[] = [...MODULES, note as unknown as KindModule, zone as unknown as KindModule];
