import CGatehouseOpenSSL

/// The hosts that a certificate is for (RFC 9525), and how long.
///
/// Sendable because nothing changes the certificate after it has been read, and libcrypto locks what it caches in it.
@safe package final class CertificateNames: @unchecked Sendable {
    private let raw: OpaquePointer

    package init(der: [UInt8]) throws(CryptographyError) {
        let certificate = unsafe der.withUnsafeBufferPointer { der in
            var next = der.baseAddress
            return unsafe d2i_X509(nil, &next, der.count)
        }
        guard let certificate = unsafe certificate else {
            ERR_clear_error()
            throw CryptographyError(.invalidCertificate, "the certificate is not X.509 in DER")
        }
        unsafe raw = certificate
    }

    deinit { unsafe X509_free(raw) }

    /// Days until it ends by this machine's clock, negative once it has; nil when its date cannot be read.
    package var daysLeft: Int? {
        var (days, seconds): (Int32, Int32) = (0, 0)
        guard unsafe ASN1_TIME_diff(&days, &seconds, nil, X509_get0_notAfter(raw)) == 1 else { return nil }
        return seconds < 0 ? Int(days) - 1 : Int(days)
    }

    /// - Parameter host: a DNS name, or an IP address without brackets. A wildcard stands for one whole label.
    package func cover(host: String) -> Bool {
        // libcrypto takes a leading dot for "any host below".
        guard !host.isEmpty, host.utf8.first != UInt8(ascii: "."), !host.utf8.contains(0) else { return false }
        // RFC 9525 §6.3: a wildcard is a whole label; §2: the common name of the subject names no host.
        let flags = UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT)
        if unsafe X509_check_host(raw, host, host.utf8.count, flags, nil) == 1 { return true }
        return unsafe X509_check_ip_asc(raw, host, 0) == 1
    }
}
