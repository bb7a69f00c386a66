/** How names of volumes end that were made for one archive, by the first digits of its digest. */
const OF_ARCHIVE = /\.sent-[0-9a-f]{12}$/

/**
 * Name of the volume that holds an archive's content, always as the archive has it: another archive's is
 * another volume. No manifest may name one like that.
 */
export function volumeOfArchive(name: string, digest: string): string {
  return `${name}.sent-${digest.slice('sha256:'.length, 'sha256:'.length + 12)}`
}

/** Whether a volume was made for one archive and holds nothing that a tenant wrote. */
export function isOfArchive(volume: string): boolean {
  return OF_ARCHIVE.test(volume)
}

/** A volume as its manifest calls it. */
export function nameInManifest(volume: string): string {
  return volume.replace(OF_ARCHIVE, '')
}
