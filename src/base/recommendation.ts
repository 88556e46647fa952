/** What the policies of a scaling group came to at one moment, as it is kept. */
export interface Recommended {
  /** The group's uid. */
  groupId: string;
  at: Date;
  recommended: number;
  /** The count that held then. */
  desired: number;
  /** Whose recommendation it was. */
  policy: string;
}
