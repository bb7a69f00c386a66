/** A reference to exactly one image: the name without its tag, and the digest. */
export function pinnedReference(reference: string, digest: string): string {
  const [name = ''] = reference.split('@')
  // A colon with a slash behind it belongs to the host's port.
  return `${name.replace(/:[\w][\w.-]*$/, '')}@${digest}`
}
