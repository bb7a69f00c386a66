/**
 * Whether the provider lets a registry have an internal address: it is listed as `host:port`, which is then
 * spoken to by plain HTTP, or as `https://host:port`.
 */
export function isTrusted(url: URL, trusted: readonly string[]): boolean {
  return trusted.includes(url.host) || (url.protocol === 'https:' && trusted.includes(`https://${url.host}`))
}

/** Whether a registry is spoken to by plain HTTP. */
export function isInsecure(host: string, trusted: readonly string[]): boolean {
  return trusted.includes(host)
}
