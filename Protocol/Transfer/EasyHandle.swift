internal import CGatehouseCurl
internal import HTTPTypes

/// One libcurl easy handle: first the options of a request, then the bytes of its answer.
///
/// Not Sendable: libcurl allows one thread at a time on a handle (<https://curl.se/libcurl/c/threadsafe.html>).
@safe final class EasyHandle {
    let raw: UnsafeMutableRawPointer

    /// Tells this handle from the others in libcurl's messages.
    var address: UInt { unsafe UInt(bitPattern: raw) }

    /// Whether the request has started to go out.
    private(set) var wasSent = false

    private let errorText: UnsafeMutablePointer<CChar>
    /// libcurl borrows the lists while the transfer runs.
    private var headers: StringList?
    private var connectTo: StringList?
    private var recipients: StringList?
    private var exchange: SMTPExchange?
    /// Why a conversation about mail shall end.
    private var abortion: TransferError?
    /// What is left of a mail.
    private var mail: ArraySlice<UInt8> = []
    private var maySendTwice = false
    private var feed: UploadFeed?
    private var body: [UInt8] = []
    private var maximumBodySize = 0
    /// What was too large, in words.
    private var excess: String?
    private var headSize = 0
    private var isHeadComplete = false

    /// Answers with more than this before the body are no use to anybody, in bytes. libcurl's own bound is a little higher.
    private static let maximumHeadSize = 256 * 1024

    init() throws(TransferError) {
        guard let raw = unsafe curl_easy_init() else {
            throw TransferError(kind: .internalFailure, message: "curl_easy_init gives no handle")
        }
        unsafe self.raw = raw
        unsafe errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
        unsafe errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    }

    deinit {
        unsafe curl_easy_cleanup(raw)
        unsafe errorText.deallocate()
    }

    /// Forgets the request and its answer. libcurl keeps the connection all the same: it belongs to the multi handle.
    func reset() {
        unsafe curl_easy_reset(raw)
        headers = nil
        connectTo = nil
        recipients = nil
        exchange = nil
        abortion = nil
        mail = []
        feed = nil
        wasSent = false
        excess = nil
        headSize = 0
        isHeadComplete = false
        body = []
        unsafe errorText.pointee = 0
    }

    // MARK: The request

    /// Sets every option, on a handle that is new or was reset.
    ///
    /// - Parameters:
    ///   - timeout: what is left of the transfer's.
    func prepare(_ transfer: Transfer, timeout: Duration) throws(TransferError) {
        switch transfer.content {
        case .http(let request): try prepare(request, transfer.feed, timeout: timeout)
        case .mail(let exchange): try prepare(exchange, timeout: timeout)
        }
    }

    private func prepare(_ request: TransferRequest, _ feed: UploadFeed?, timeout: Duration) throws(TransferError) {
        maximumBodySize = request.maximumBodySize
        maySendTwice = request.maySendTwice
        self.feed = feed
        try setPolicy()
        try set(CURLOPT_PROTOCOLS_STR, "http,https")
        try setCallbacks()
        try setTarget(request)
        try setTLS(verifiesPeer: request.verifiesPeer, caFile: request.caFile)
        try setMethodAndBody(request)
        try setHeaders(request)
        try set(CURLOPT_TIMEOUT_MS, milliseconds(timeout))
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.connectTimeout))
    }

    /// What is the same for every request: only what was asked for goes out, and nothing from the environment joins in.
    private func setPolicy() throws(TransferError) {
        // Signals belong to the process, not to one of its libraries.
        try set(CURLOPT_NOSIGNAL, 1)
        // A redirect is an answer for the caller to judge; following it could carry a token to another host.
        try set(CURLOPT_FOLLOWLOCATION, 0)
        // Credentials come from the caller alone. Cookies stay off because no option turns them on.
        try set(CURLOPT_NETRC, Int(CURL_NETRC_IGNORED.rawValue))
        try set(CURLOPT_DISALLOW_USERNAME_IN_URL, 1)
        // The empty name overrides http_proxy and its like.
        try set(CURLOPT_PROXY, "")
        // Otherwise a cancelled transfer would hold up all others until its name is resolved.
        try set(CURLOPT_QUICK_EXIT, 1)
    }

    private func setCallbacks() throws(TransferError) {
        // The handle outlives the calls: it leaves the multi handle before it is freed or used again.
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        try unsafe check(gatehouse_curl_set_pointer(raw, CURLOPT_ERRORBUFFER, errorText))
        try unsafe check(gatehouse_curl_set_pointer(raw, CURLOPT_WRITEDATA, context))
        try unsafe check(
            gatehouse_curl_set_write(raw, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
                unsafe EasyHandle.from(context).receive(UnsafeRawBufferPointer(start: bytes, count: size * count))
            })
        try unsafe check(gatehouse_curl_set_pointer(raw, CURLOPT_HEADERDATA, context))
        try unsafe check(
            gatehouse_curl_set_write(raw, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
                unsafe EasyHandle.from(context).receiveHead(UnsafeRawBufferPointer(start: bytes, count: size * count))
            })
        try unsafe check(gatehouse_curl_set_pointer(raw, CURLOPT_PREREQDATA, context))
        try unsafe check(
            gatehouse_curl_set_prereq(raw, CURLOPT_PREREQFUNCTION) { context, _, _, _, _ in
                unsafe EasyHandle.from(context).mayStartSending() ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
            })
    }

    private func setTarget(_ request: TransferRequest) throws(TransferError) {
        try set(CURLOPT_URL, request.url)
        // Dot segments are the server's to judge.
        try set(CURLOPT_PATH_AS_IS, 1)
        if let target = request.rawTarget { try set(CURLOPT_REQUEST_TARGET, target) }
        if let place = request.connectTo {
            // Empty host and port stand for any (CURLOPT_CONNECT_TO(3)).
            let list = try StringList(["::\(place)"])
            try unsafe check(gatehouse_curl_set_list(raw, CURLOPT_CONNECT_TO, list.head))
            connectTo = list
        }
        switch request.httpVersion {
        case .http1: try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1))
        case .http2:
            try set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_2TLS))
            // Wait for a connection to show that it can carry several transfers, rather than open one for each.
            try set(CURLOPT_PIPEWAIT, 1)
        }
    }

    private func setTLS(verifiesPeer: Bool, caFile: String?) throws(TransferError) {
        // RFC 9325 §3.1.1: nothing older than TLS 1.2.
        try set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
        try set(CURLOPT_SSL_VERIFYPEER, verifiesPeer ? 1 : 0)
        try set(CURLOPT_SSL_VERIFYHOST, verifiesPeer ? 2 : 0)
        if let file = caFile {
            try set(CURLOPT_CAINFO, file)
            // Instead of the system's certificates, not beside them.
            try unsafe check(gatehouse_curl_set_string(raw, CURLOPT_CAPATH, nil))
        }
    }

    private func setMethodAndBody(_ request: TransferRequest) throws(TransferError) {
        if request.method == .head {
            // Otherwise libcurl would wait for the body that Content-Length announces.
            try set(CURLOPT_NOBODY, 1)
        } else {
            try set(CURLOPT_HTTPGET, 1)
        }
        if let upload = request.upload {
            // POST makes libcurl ask for the body; the method's own name comes below.
            try set(CURLOPT_POST, 1)
            try check(unsafe gatehouse_curl_set_offset(raw, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(upload.length)))
            try setReadCallback()
        } else if let body = request.body ?? (request.expectsBody ? [] : nil) {
            // The size first: libcurl copies that many bytes. It takes no address for no body, so that gets one.
            try check(unsafe gatehouse_curl_set_offset(raw, CURLOPT_POSTFIELDSIZE_LARGE, curl_off_t(body.count)))
            try unsafe check(gatehouse_curl_set_bytes(raw, CURLOPT_COPYPOSTFIELDS, body.isEmpty ? [0] : body))
        }
        try set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    }

    private func setReadCallback() throws(TransferError) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        try unsafe check(gatehouse_curl_set_pointer(raw, CURLOPT_READDATA, context))
        try unsafe check(
            gatehouse_curl_set_read(raw, CURLOPT_READFUNCTION) { bytes, size, count, context in
                unsafe EasyHandle.from(context).give(
                    UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
            })
    }

    private func setHeaders(_ request: TransferRequest) throws(TransferError) {
        var lines = request.headers.map { name, value in
            // To libcurl, "Name:" without a value says that the line shall not be sent, "Name;" that it shall be empty.
            value.utf8.allSatisfy(isSpace) ? "\(name);" : "\(name): \(value)"
        }
        // What libcurl would add by itself. RFC 9110 §10.1.1: waiting for "100 Continue" costs a second where the server
        // does not know it.
        for name in ["Accept", "Content-Type", "Expect"] where request.header(name) == nil { lines.append("\(name):") }
        let list = try StringList(lines)
        try unsafe check(gatehouse_curl_set_list(raw, CURLOPT_HTTPHEADER, list.head))
        headers = list
    }

    // MARK: Mail

    private func prepare(_ exchange: SMTPExchange, timeout: Duration) throws(TransferError) {
        self.exchange = exchange
        let server = exchange.server
        try setPolicy()
        try set(CURLOPT_PROTOCOLS_STR, "smtp,smtps")
        try setCallbacks()
        try setDebugCallback()
        try setProgressCallback()
        try set(CURLOPT_URL, server.url)
        try setTLS(verifiesPeer: true, caFile: server.caFile)
        try set(CURLOPT_USE_SSL, Int((server.security == .none ? CURLUSESSL_NONE : CURLUSESSL_ALL).rawValue))
        // Mail is rare: a connection that is kept would mostly be dead when it is wanted, and each has to show that signing in
        // works.
        try set(CURLOPT_FRESH_CONNECT, 1)
        try set(CURLOPT_FORBID_REUSE, 1)
        if let credentials = server.credentials {
            try set(CURLOPT_USERNAME, credentials.user)
            try set(CURLOPT_PASSWORD, credentials.password)
            // The connection protects the password; other ways of libcurl's are older than that is, or want a realm.
            try set(CURLOPT_LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN")
        }
        if let message = exchange.message {
            mail = message.octets[...]
            try set(CURLOPT_UPLOAD, 1)
            try check(
                unsafe gatehouse_curl_set_offset(raw, CURLOPT_INFILESIZE_LARGE, curl_off_t(message.octets.count)))
            try setReadCallback()
            try set(CURLOPT_MAIL_FROM, message.sender)
            let list = try StringList([message.recipient])
            try unsafe check(gatehouse_curl_set_list(raw, CURLOPT_MAIL_RCPT, list.head))
            recipients = list
        } else {
            try set(CURLOPT_CUSTOMREQUEST, "NOOP")
            try set(CURLOPT_NOBODY, 1)
        }
        try set(CURLOPT_TIMEOUT_MS, milliseconds(timeout))
        try set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(min(timeout, .seconds(20))))
        // In seconds.
        try set(CURLOPT_SERVER_RESPONSE_TIMEOUT, max(milliseconds(min(timeout, .seconds(60))) / 1000, 1))
    }

    private func setDebugCallback() throws(TransferError) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        try unsafe check(gatehouse_curl_set_pointer(raw, CURLOPT_DEBUGDATA, context))
        try unsafe check(
            gatehouse_curl_set_debug(raw, CURLOPT_DEBUGFUNCTION) { _, kind, bytes, count, context in
                let octets = unsafe UnsafeRawBufferPointer(start: bytes, count: count)
                switch kind {
                case CURLINFO_HEADER_OUT: unsafe EasyHandle.from(context).noteCommand(octets)
                case CURLINFO_HEADER_IN: unsafe EasyHandle.from(context).exchange?.received(octets)
                default: break
                }
                return 0
            })
        // Calls it.
        try set(CURLOPT_VERBOSE, 1)
    }

    private func setProgressCallback() throws(TransferError) {
        let context = unsafe Unmanaged.passUnretained(self).toOpaque()
        try unsafe check(gatehouse_curl_set_pointer(raw, CURLOPT_XFERINFODATA, context))
        try unsafe check(
            gatehouse_curl_set_progress(raw, CURLOPT_XFERINFOFUNCTION) { context, _, _, _, _ in
                unsafe EasyHandle.from(context).abortion == nil ? 0 : 1
            })
        // Calls it.
        try set(CURLOPT_NOPROGRESS, 0)
    }

    /// Whether the transfer has to be asked to end, by `abort`, rather than be taken away from libcurl: version 7.88 takes that
    /// for the end of the message, says so to the server, which would take a mail that is cut off, and waits for its answer.
    var hasToBeAborted: Bool { exchange != nil && abortion == nil }

    /// Makes libcurl give the transfer up the next time it looks at it.
    func abort(_ reason: TransferError) { abortion = reason }

    private func noteCommand(_ octets: UnsafeRawBufferPointer) {
        unsafe exchange?.sent(octets)
        guard unsafe octets.starts(with: "QUIT".utf8) else { return }
        // The outcome stands, and libcurl lets its thread wait for the goodbye: not for long. It cannot fail for this option.
        _ = unsafe gatehouse_curl_set_long(raw, CURLOPT_SERVER_RESPONSE_TIMEOUT, 2)
    }

    /// - Returns: how many octets of a mail were written.
    private func giveMail(_ place: UnsafeMutableRawBufferPointer) -> Int {
        let piece = mail.prefix(place.count)
        unsafe place.copyBytes(from: piece)
        mail = mail.dropFirst(piece.count)
        return piece.count
    }

    /// The outcome of a conversation about mail.
    private func mailResult(_ code: CURLcode) -> Result<TransferResponse, TransferError> {
        do throws(TransferError) {
            if let abortion, code == CURLE_ABORTED_BY_CALLBACK { throw abortion }
            if code == CURLE_USE_SSL_FAILED { exchange?.lacksTLS() }
            guard code == CURLE_OK else { throw error(code) }
            return .success(TransferResponse(status: try long(CURLINFO_RESPONSE_CODE), headers: [], body: []))
        } catch {
            return .failure(error)
        }
    }

    // MARK: While libcurl works

    private static func from(_ context: UnsafeMutableRawPointer?) -> EasyHandle {
        guard let context = unsafe context else { preconditionFailure("libcurl lost the pointer it was given") }
        return unsafe Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
    }

    /// Called before each attempt: libcurl tries again when a kept connection dies before the answer's first byte.
    private func mayStartSending() -> Bool {
        guard !wasSent || maySendTwice else { return false }
        wasSent = true
        return true
    }

    /// - Returns: how many octets of the upload were written, or what stops or pauses libcurl.
    private func give(_ place: UnsafeMutableRawBufferPointer) -> Int {
        if exchange != nil { return unsafe giveMail(place) }
        return switch unsafe feed?.read(into: place) {
        case .octets(let count): count
        case .wait: Int(CURL_READFUNC_PAUSE)
        case .failed, nil: Int(CURL_READFUNC_ABORT)
        }
    }

    /// Asks for more of an upload after a pause.
    func resume() throws(TransferError) {
        // 0 is CURLPAUSE_CONT, whose macro Swift does not see.
        try unsafe check(curl_easy_pause(raw, 0))
    }

    /// - Parameter line: one line of the head with its end; libcurl keeps the fields itself.
    /// - Returns: the number of bytes taken; fewer than offered end the transfer.
    private func receiveHead(_ line: UnsafeRawBufferPointer) -> Int {
        headSize += line.count
        guard headSize <= Self.maximumHeadSize else {
            excess = "the answer's head is longer than \(Self.maximumHeadSize) bytes"
            return 0
        }
        // An interim answer is followed by another head, which starts with "HTTP/" too.
        if unsafe line.starts(with: "HTTP/".utf8) {
            isHeadComplete = false
        } else if unsafe line.elementsEqual("\r\n".utf8) || line.elementsEqual("\n".utf8) {
            isHeadComplete = true
        }
        return line.count
    }

    /// - Returns: the number of bytes taken; fewer than offered end the transfer.
    private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
        guard bytes.count <= maximumBodySize - body.count else {
            excess = "the answer is longer than \(maximumBodySize) bytes"
            return 0
        }
        unsafe body.append(contentsOf: bytes)
        return bytes.count
    }

    // MARK: The answer

    /// The outcome of a transfer that libcurl has finished, before the handle is reset.
    func result(_ code: CURLcode) -> Result<TransferResponse, TransferError> {
        guard exchange == nil else { return mailResult(code) }
        guard code == CURLE_OK else { return .failure(error(code)) }
        // To libcurl, a connection that closes in the middle of the head has given an answer without a body.
        guard isHeadComplete else { return .failure(error(CURLE_PARTIAL_FILE)) }
        do throws(TransferError) {
            return .success(
                TransferResponse(
                    status: try long(CURLINFO_RESPONSE_CODE), headers: receivedHeaders(), body: body,
                    httpVersion: try long(CURLINFO_HTTP_VERSION) == Int(CURL_HTTP_VERSION_2_0) ? .http2 : .http1,
                    timing: try timing()))
        } catch {
            return .failure(error)
        }
    }

    private func error(_ code: CURLcode) -> TransferError {
        if let excess {
            return TransferError(
                kind: .tooLarge, curlCode: Int(code.rawValue), message: excess, mayHaveArrived: wasSent)
        }
        if let failure = feed?.failure {
            return TransferError(
                kind: .invalidRequest, curlCode: Int(code.rawValue), message: failure, mayHaveArrived: wasSent)
        }
        let own = unsafe String(cString: errorText)
        let words =
            switch code {
            case CURLE_ABORTED_BY_CALLBACK: "the kept connection broke, and this request must not be sent twice"
            case _ where own.isEmpty: unsafe String(cString: curl_easy_strerror(code))
            default: own
            }
        return TransferError(
            kind: exchange == nil
                ? TransferError.Kind(code, wasSent: wasSent) : TransferError.Kind(ofMail: code),
            curlCode: Int(code.rawValue), message: words,
            mayHaveArrived: wasSent)
    }

    private func receivedHeaders() -> [(name: String, value: String)] {
        var lines: [(name: String, value: String)] = []
        var last: UnsafeMutablePointer<curl_header>?
        // -1: of the last answer, so not of interim ones.
        while let line = unsafe curl_easy_nextheader(raw, UInt32(CURLH_HEADER), -1, last) {
            // libcurl 7.88 leaves the line's end in an empty value.
            let value = unsafe String(cString: line.pointee.value)
            unsafe lines.append((String(cString: line.pointee.name), String(value.prefix { !$0.isNewline })))
            unsafe last = line
        }
        return lines
    }

    private func timing() throws(TransferError) -> TransferResponse.Timing {
        var timing = TransferResponse.Timing()
        // libcurl counts a plain connection as ready when TCP is, and one with TLS when its handshake is.
        timing.connected = max(try time(CURLINFO_CONNECT_TIME_T), try time(CURLINFO_APPCONNECT_TIME_T))
        timing.firstByte = try time(CURLINFO_STARTTRANSFER_TIME_T)
        timing.total = try time(CURLINFO_TOTAL_TIME_T)
        timing.isConnectionReused = try long(CURLINFO_NUM_CONNECTS) == 0
        return timing
    }

    private func time(_ info: CURLINFO) throws(TransferError) -> Duration {
        var microseconds: curl_off_t = 0
        try unsafe check(gatehouse_curl_get_offset(raw, info, &microseconds))
        return .microseconds(Int64(microseconds))
    }

    private func long(_ info: CURLINFO) throws(TransferError) -> Int {
        var value = 0
        try unsafe check(gatehouse_curl_get_long(raw, info, &value))
        return value
    }

    // MARK: Options

    private func set(_ option: CURLoption, _ value: Int) throws(TransferError) {
        try check(unsafe gatehouse_curl_set_long(raw, option, value))
    }

    private func set(_ option: CURLoption, _ value: String) throws(TransferError) {
        try check(unsafe gatehouse_curl_set_string(raw, option, value))
    }

    private func check(_ code: CURLcode) throws(TransferError) {
        guard code == CURLE_OK else { throw error(code) }
    }
}

/// In libcurl's form: rounded up, because 0 means no limit there; at most what it takes, which is 24 days.
func milliseconds(_ duration: Duration) -> Int {
    Int(min(max((duration / .milliseconds(1)).rounded(.up), 1), Double(Int32.max)))
}

/// C's `isspace`.
private func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
