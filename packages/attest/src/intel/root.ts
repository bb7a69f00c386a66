import { equalBytes, fromBase64 } from '../bytes.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'

/**
 * Intel SGX Root CA, from https://certificates.trustedservices.intel.com/IntelSGXRootCA.der;
 * SHA-256 44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3.
 */
const INTEL_ROOT =
  'MIICjzCCAjSgAwIBAgIUImUM1lqdNInzg7SVUr9QGzknBqwwCgYIKoZIzj0EAwIwaDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJvb3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0aW9u' +
  'MRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYTAlVTMB4XDTE4MDUyMTEwNDUxMFoXDTQ5MTIzMTIzNTk1OVowaDEaMBgGA1UEAwwRSW50ZWwgU0dYIFJv' +
  'b3QgQ0ExGjAYBgNVBAoMEUludGVsIENvcnBvcmF0aW9uMRQwEgYDVQQHDAtTYW50YSBDbGFyYTELMAkGA1UECAwCQ0ExCzAJBgNVBAYTAlVTMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcD' +
  'QgAEC6nEwMDIYZOj/iPWsCzaEKi71OiOSLRFhWGjbnBVJfVnkY4u3IjkDYYL0MxO4mqsyYjlBalTVYxFP2sJBK5zlKOBuzCBuDAfBgNVHSMEGDAWgBQiZQzWWp00ifODtJVSv1AbOScG' +
  'rDBSBgNVHR8ESzBJMEegRaBDhkFodHRwczovL2NlcnRpZmljYXRlcy50cnVzdGVkc2VydmljZXMuaW50ZWwuY29tL0ludGVsU0dYUm9vdENBLmRlcjAdBgNVHQ4EFgQUImUM1lqdNInz' +
  'g7SVUr9QGzknBqwwDgYDVR0PAQH/BAQDAgEGMBIGA1UdEwEB/wQIMAYBAf8CAQEwCgYIKoZIzj0EAwIDSQAwRgIhAOW/5QkR+S9CiSDcNoowLuPRLsWGf/Yi7GSX94BgwTwgAiEA4J0l' +
  'rHoMs+Xo5o/sX6O9QWxHRAvZUGOdRQ7cvqRXaqI='

/** A root certificate that quotes may end in, and whose it is. */
export interface TrustRoot {
  name: 'intel' | 'devnet'
  certificate: Certificate
}

/**
 * The root a certificate stands for. Only Intel's own certificate, byte by byte, is `intel`; any other is a
 * development root, and what ends in it is simulated. There is no other way to make a root. Throws
 * `bad-certificate` or `bad-der`.
 */
export function trustRoot(der: Uint8Array): TrustRoot {
  const certificate = parseCertificate(der, 'The root certificate')
  return { name: equalBytes(der, intelDer) ? 'intel' : 'devnet', certificate }
}

const intelDer = fromBase64(INTEL_ROOT, 'Intel’s root certificate')

/** Intel's root for SGX and TDX. */
export const intelRoot: TrustRoot = trustRoot(intelDer)
