/** The connection ended between the commit and its answer: the batch may have landed or not. */
export class UncertainCommit extends Error {
  override readonly name = 'UncertainCommit';
}
