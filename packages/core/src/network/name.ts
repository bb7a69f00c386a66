/** A private network's name: a label of DNS, so that it can be part of a host name. */
export const NETWORK_NAME_PATTERN = /^[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?$/
/** What a network's name may be, in words. */
export const NETWORK_NAME_RULE = '1 to 32 lower-case letters, digits and "-", beginning with a letter'
