import CGatehouseCurl
import HTTPTypes

/// One libcurl easy handle with all that it borrows during a transfer.
///
/// Only the transport's thread touches it after `prepare`; libcurl allows one thread at a time on a handle
/// (<https://curl.se/libcurl/c/threadsafe.html>).
@safe final class EasyHandle {
    let raw: UnsafeMutableRawPointer
    private var headerList: UnsafeMutablePointer<curl_slist>?
    private var connectList: UnsafeMutablePointer<curl_slist>?
    private var sent: [UInt8] = []
    private var maximumBodySize = 0

    private(set) var received: [UInt8] = []
    private(set) var headers: [(name: String, value: String)] = []
    private(set) var isTooLarge = false

    init() throws(TransferError) {
        guard let raw = unsafe curl_easy_init() else {
            throw TransferError(kind: .other, message: "libcurl cannot make a handle")
        }
        unsafe self.raw = raw
        unsafe headerList = nil
        unsafe connectList = nil
    }

    deinit {
        unsafe curl_easy_cleanup(raw)
        // libcurl borrows the lists until the handle is gone, so they are freed last.
        unsafe curl_slist_free_all(headerList)
        unsafe curl_slist_free_all(connectList)
    }

    /// Makes the handle forget its last transfer. The connections are the multi handle's and stay.
    func reset() {
        unsafe curl_easy_reset(raw)
        unsafe curl_slist_free_all(headerList)
        unsafe curl_slist_free_all(connectList)
        unsafe headerList = nil
        unsafe connectList = nil
        sent = []
        received = []
        headers = []
        isTooLarge = false
    }

    func prepare(_ request: TransferRequest) throws(TransferError) {
        for text in [request.url, request.rawTarget ?? "", request.connectTo ?? "", request.method.rawValue] {
            try Self.refuseControls(text)
        }
        try setText(CURLOPT_URL, request.url)
        // Schemes beyond these two would let a URL from outside read files.
        try setText(CURLOPT_PROTOCOLS_STR, "http,https")
        // A redirect is the caller's business: it may lead a credential to somebody else. It is off by default, and said here.
        try setLong(CURLOPT_FOLLOWLOCATION, 0)
        try setLong(CURLOPT_NOSIGNAL, 1)
        // An empty proxy overrides http_proxy and the like in the environment.
        try setText(CURLOPT_PROXY, "")
        try setLong(CURLOPT_PATH_AS_IS, 1)
        if let target = request.rawTarget { try setText(CURLOPT_REQUEST_TARGET, target) }
        try setLong(CURLOPT_TIMEOUT_MS, Self.milliseconds(request.timeout))
        try setLong(CURLOPT_CONNECTTIMEOUT_MS, Self.milliseconds(request.connectTimeout))
        try setLong(
            CURLOPT_HTTP_VERSION,
            request.version == .http2 ? Int(CURL_HTTP_VERSION_2TLS.rawValue) : Int(CURL_HTTP_VERSION_1_1.rawValue))
        try setLong(CURLOPT_SSL_VERIFYPEER, request.verifiesPeer ? 1 : 0)
        try setLong(CURLOPT_SSL_VERIFYHOST, request.verifiesPeer ? 2 : 0)
        if let file = request.caFile { try setText(CURLOPT_CAINFO, file) }
        if let other = request.connectTo {
            // "HOST:PORT:CONNECT-HOST:CONNECT-PORT", where an empty first half means any (CURLOPT_CONNECT_TO(3)).
            unsafe connectList = curl_slist_append(connectList, "::\(other)")
            try setPointer(CURLOPT_CONNECT_TO, unsafe connectList.map { unsafe UnsafeRawPointer($0) })
        }
        try prepareMethod(request)
        try prepareHeaders(request)
        try prepareSinks(request)
    }

    private func prepareMethod(_ request: TransferRequest) throws(TransferError) {
        if request.method == .head {
            try setLong(CURLOPT_NOBODY, 1)
        } else if let body = request.body {
            sent = body
            try setLong(CURLOPT_POST, 1)
            try setSize(CURLOPT_POSTFIELDSIZE_LARGE, body.count)
            // Copied by libcurl, because a Swift array may move.
            let code = unsafe sent.withUnsafeBytes { bytes in
                // With no octets at all, a null pointer would make libcurl ask a callback for them.
                unsafe gatehouse_curl_set_pointer(
                    raw, CURLOPT_COPYPOSTFIELDS, bytes.isEmpty ? UnsafeRawPointer(bitPattern: 1) : bytes.baseAddress)
            }
            try check(code)
        } else if request.method == .get {
            try setLong(CURLOPT_HTTPGET, 1)
        }
        try setText(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    }

    private func prepareHeaders(_ request: TransferRequest) throws(TransferError) {
        var lines: [String] = []
        for header in request.headers {
            try Self.refuseControls(header.name)
            try Self.refuseControls(header.value)
            guard HTTPField.Name(header.name) != nil else {
                throw TransferError(kind: .invalidRequest, message: "\"\(header.name)\" is no header name")
            }
            // "Name;" sends an empty value and "Name:" takes the line away (CURLOPT_HTTPHEADER(3)).
            lines.append(header.value.isEmpty ? "\(header.name):" : "\(header.name): \(header.value)")
        }
        let names = Set(request.headers.map { $0.name.lowercased() })
        // libcurl would wait a second for "100 Continue" and call a body a form.
        if !names.contains("expect") { lines.append("Expect:") }
        if request.body != nil && !names.contains("content-type") { lines.append("Content-Type:") }
        if !names.contains("user-agent") { lines.append("User-Agent: gatehouse") }
        for line in lines {
            guard let longer = unsafe curl_slist_append(headerList, line) else {
                throw TransferError(kind: .other, message: "libcurl has no memory for headers")
            }
            unsafe headerList = longer
        }
        try setPointer(CURLOPT_HTTPHEADER, unsafe headerList.map { unsafe UnsafeRawPointer($0) })
    }

    private func prepareSinks(_ request: TransferRequest) throws(TransferError) {
        maximumBodySize = request.maximumBodySize
        // Unretained: the transport keeps the handle for as long as libcurl may call.
        let context = unsafe UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
        try setPointer(CURLOPT_WRITEDATA, unsafe context)
        try setPointer(CURLOPT_HEADERDATA, unsafe context)
        try check(
            unsafe gatehouse_curl_set_sink(raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                unsafe EasyHandle.from(context).takeBody(UnsafeRawBufferPointer(start: bytes, count: size * count))
            })
        try check(
            unsafe gatehouse_curl_set_sink(raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                unsafe EasyHandle.from(context).takeHeader(UnsafeRawBufferPointer(start: bytes, count: size * count))
            })
    }

    // MARK: What libcurl delivers

    private static func from(_ context: UnsafeMutableRawPointer?) -> EasyHandle {
        unsafe Unmanaged<EasyHandle>.fromOpaque(context!).takeUnretainedValue()
    }

    /// Returning another number than was given ends the transfer with CURLE_WRITE_ERROR.
    private func takeBody(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard received.count + bytes.count <= maximumBodySize else {
            isTooLarge = true
            return 0
        }
        unsafe received.append(contentsOf: bytes)
        return bytes.count
    }

    private func takeHeader(_ bytes: UnsafeRawBufferPointer) -> Int {
        let line = unsafe String(decoding: bytes, as: UTF8.self)
        if line.hasPrefix("HTTP/") {
            // A further status line: what came before was informational (RFC 9110 §15.2).
            headers = []
        } else if let colon = line.firstIndex(of: ":") {
            let value = line[line.index(after: colon)...].trimmingSpace()
            headers.append((String(line[..<colon]), value))
        }
        return headers.count > 1000 ? 0 : bytes.count
    }

    // MARK: Options

    private func setLong(_ option: CURLoption, _ value: Int) throws(TransferError) {
        try check(unsafe gatehouse_curl_set_long(raw, option, value))
    }

    private func setSize(_ option: CURLoption, _ value: Int) throws(TransferError) {
        try check(unsafe gatehouse_curl_set_size(raw, option, Int(value)))
    }

    private func setText(_ option: CURLoption, _ value: String) throws(TransferError) {
        try check(unsafe gatehouse_curl_set_text(raw, option, value))
    }

    private func setPointer(_ option: CURLoption, _ value: UnsafeRawPointer?) throws(TransferError) {
        try check(unsafe gatehouse_curl_set_pointer(raw, option, value))
    }

    private func check(_ code: CURLcode) throws(TransferError) {
        if code != CURLE_OK { throw TransferError(code, kind: .invalidRequest) }
    }

    private static func milliseconds(_ duration: Duration) -> Int {
        max(1, Int(clamping: duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000))
    }

    private static func refuseControls(_ text: String) throws(TransferError) {
        if text.utf8.contains(where: { $0 == 0 || $0 == 10 || $0 == 13 }) {
            throw TransferError(kind: .invalidRequest, message: "NUL, CR and LF cannot be part of a request line or header")
        }
    }
}

extension TransferError {
    /// - Parameter kind: nil to choose it by the code.
    init(_ code: CURLcode, kind: Kind? = nil) {
        let chosen: Kind =
            switch code {
            case CURLE_COULDNT_RESOLVE_HOST, CURLE_COULDNT_CONNECT, CURLE_COULDNT_RESOLVE_PROXY: .unreachable
            case CURLE_OPERATION_TIMEDOUT: .timedOut
            case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE,
                CURLE_SSL_CIPHER:
                .tls
            case CURLE_GOT_NOTHING, CURLE_RECV_ERROR, CURLE_SEND_ERROR, CURLE_PARTIAL_FILE, CURLE_WEIRD_SERVER_REPLY,
                CURLE_HTTP2, CURLE_HTTP2_STREAM, CURLE_UNSUPPORTED_PROTOCOL where kind == nil:
                .brokenOff
            case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL: .invalidRequest
            default: kind ?? .other
            }
        self.init(
            kind: chosen, curlCode: Int(code.rawValue), message: unsafe String(cString: curl_easy_strerror(code)))
    }
}

extension StringProtocol {
    fileprivate func trimmingSpace() -> String {
        let isSpace: (Character) -> Bool = { $0.isWhitespace }
        return String(drop(while: isSpace).reversed().drop(while: isSpace).reversed())
    }
}
