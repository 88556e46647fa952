import type { ContainerInfo, ImageInfo } from 'dockerode';
import type { EngineImage } from '../compute.ts';
import { LABEL, ownerOf } from '../labels.ts';

/** The Engine's word for a reference that is missing. */
const NONE = '<none>';

export const namesOf = (names: readonly string[] | null | undefined): string[] =>
  (names ?? []).filter((name) => !name.includes(NONE));

/** What the Engine's lists say of one image and of the containers that are made of it. */
export const toImage = (installation: string, image: ImageInfo, containers: readonly ContainerInfo[]): EngineImage => ({
  id: image.Id,
  references: namesOf(image.RepoTags),
  digests: namesOf(image.RepoDigests),
  sizeBytes: image.Size,
  isBuilt: image.Labels?.[LABEL.installation] === installation,
  containers: containers.map(({ Id, Names, Labels }) => {
    const owner = ownerOf(installation, Labels);
    return { name: Names[0]?.replace(/^\//, '') ?? Id.slice(0, 12), ...(owner && { owner }) };
  }),
});
