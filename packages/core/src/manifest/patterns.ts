/**
 * Patterns over text that a stranger wrote. In JavaScript `.` ends at a line feed unless the `s` flag is
 * given, so what is allowed is named, and control characters are not.
 */

/** Names of services and volumes: letters, digits, `.`, `_`, `-`, starting with a letter or digit. */
export const NAME_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,45}$/
/** What a worker says of itself; Akash's own attributes have slashes, `capabilities/storage/1/class`. */
export const ATTRIBUTE_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9._/-]{0,127}$/
/** What stands for it, in one line. */
export const ATTRIBUTE_VALUE_PATTERN = /^\P{Cc}{0,255}$/u
/** Names of variables: what the kernel takes, on one line (`ConnectionStrings:Default` is one of .NET's). */
export const ENV_PATTERN = /^(?!__proto__$)[^=\p{Cc}]{1,255}$/u
/** Names of sealed secrets; without a path they are names of variables. */
export const SECRET_NAME_PATTERN = /^(?!__proto__$)[A-Za-z_][A-Za-z0-9_.-]{0,127}$/
/** A path inside a container: absolute, without `..`, control characters or the `:` that engines split at. */
export const CONTAINER_PATH = /^\/(?!(?:.*\/)?\.\.(?:\/|$))[^\p{Cc}:]{0,1023}$/su
/** An image's reference. */
export const IMAGE_PATTERN = /^[\x21-\x7e]{1,512}$/
/** `user` or `user:group`, by name or number. */
export const USER_PATTERN = /^[a-zA-Z0-9_.-]{1,32}(:[a-zA-Z0-9_.-]{1,32})?$/
export const GROUP_PATTERN = /^[a-zA-Z0-9_.-]{1,32}$/
export const HOSTNAME_PATTERN = /^[a-zA-Z0-9_.-]{1,63}$/
/** A name by which containers of a lease reach one of them. */
export const ALIAS_PATTERN = /^[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,252})$/
/** Text for the kernel, which ends at the first zero byte. */
export const NO_ZERO_BYTE = /^[^\0]*$/
