internal import CGatehouseCurl

extension TransferError.Kind {
    /// - Parameter wasSent: whether the request had started to go out.
    init(_ code: CURLcode, wasSent: Bool) {
        self =
            switch code {
            // The second meaning of this code: the answer is HTTP/0.9, that is, no HTTP at all.
            case CURLE_UNSUPPORTED_PROTOCOL: wasSent ? .protocolError : .invalidRequest
            // LOGIN_DENIED: the URL has credentials (CURLOPT_DISALLOW_USERNAME_IN_URL).
            case CURLE_URL_MALFORMAT, CURLE_LOGIN_DENIED, CURLE_BAD_FUNCTION_ARGUMENT: .invalidRequest
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_INTERFACE_FAILED: .unreachable
            case CURLE_OPERATION_TIMEDOUT: .timedOut
            case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CRL_BADFILE, CURLE_SSL_CIPHER, CURLE_SSL_CERTPROBLEM,
                CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_ENGINE_INITFAILED, CURLE_SSL_SHUTDOWN_FAILED:
                .tls
            case CURLE_WEIRD_SERVER_REPLY, CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_BAD_CONTENT_ENCODING:
                .protocolError
            // ABORTED_BY_CALLBACK: libcurl wanted to send again what must not be sent twice.
            case CURLE_GOT_NOTHING, CURLE_PARTIAL_FILE, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_SEND_FAIL_REWIND,
                CURLE_ABORTED_BY_CALLBACK:
                .connectionLost
            default: .internalFailure
            }
    }

    /// Where libcurl means something else by its codes when it speaks SMTP.
    init(ofMail code: CURLcode) {
        self =
            switch code {
            // SEND_ERROR: MAIL, RCPT or DATA was refused; or octets could not be sent, which leaves no reply.
            case CURLE_LOGIN_DENIED, CURLE_REMOTE_ACCESS_DENIED, CURLE_SEND_ERROR: .protocolError
            case CURLE_USE_SSL_FAILED: .tls
            default: Self(code, wasSent: true)
            }
    }
}

extension TransferError {
    static var timedOutInLine: TransferError {
        TransferError(
            kind: .timedOut, curlCode: Int(CURLE_OPERATION_TIMEDOUT.rawValue),
            message: "the time was up before there was a connection")
    }

    static func multi(_ code: CURLMcode, _ operation: String) -> TransferError {
        let words = unsafe String(cString: curl_multi_strerror(code))
        return TransferError(kind: .internalFailure, curlCode: Int(code.rawValue), message: "\(operation): \(words)")
    }
}
