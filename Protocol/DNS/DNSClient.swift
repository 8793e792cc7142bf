internal import Glibc

/// A text that a name has (TXT, RFC 1035 §3.3.14), its strings joined.
package struct DNSText: Sendable, Equatable {
    package let octets: [UInt8]
    /// Seconds.
    package let timeToLive: UInt32

    package init(octets: [UInt8], timeToLive: UInt32) {
        self.octets = octets
        self.timeToLive = timeToLive
    }
}

/// Where a service of a domain is offered (SRV, RFC 2782).
package struct DNSService: Sendable, Equatable {
    /// The lower, the sooner.
    package let priority: UInt16
    /// Of those with the same priority, how much of the load.
    package let weight: UInt16
    package let port: UInt16
    /// In lower case, without a dot at its end; empty for "there is no such service".
    package let target: String
    /// Seconds.
    package let timeToLive: UInt32
}

/// Asks the domain name system: many questions at once, on one thread of its own.
package final class DNSClient: Sendable {
    private let queue = DNSQueue()
    private let timeout: Duration

    /// - Parameters:
    ///   - servers: the first eight count; nil for those of the system.
    ///   - timeout: of a question, with all that it is asked again.
    package init(servers: [DNSServer]? = nil, timeout: Duration = .seconds(5)) {
        self.timeout = timeout
        DNSLoop.start(queue, servers: servers.map { Array($0.prefix(8)) }, timeout: timeout)
    }

    deinit { queue.end() }

    /// The texts of a name, in no order.
    ///
    /// - Throws: `DNSError`; `.noData` when it has none.
    package func texts(of name: String) async throws(DNSError) -> [DNSText] {
        let message = try await ask(name, .txt)
        var texts: [DNSText] = []
        for record in message.records {
            texts.append(DNSText(octets: try message.text(of: record), timeToLive: record.timeToLive))
        }
        return texts
    }

    /// Where the services of a name such as `_opencap._tcp.example.com` are, in no order.
    ///
    /// - Throws: `DNSError`; `.noData` when there is none.
    package func services(of name: String) async throws(DNSError) -> [DNSService] {
        let message = try await ask(name, .srv)
        var services: [DNSService] = []
        for record in message.records {
            let service = try message.service(of: record)
            services.append(
                DNSService(
                    priority: service.priority, weight: service.weight, port: service.port, target: service.target,
                    timeToLive: record.timeToLive))
        }
        return services
    }

    /// The IP addresses of a host, IPv6 first (RFC 6724 §2.1), as text.
    ///
    /// - Throws: `DNSError`; `.noData` when it has none.
    package func addresses(of name: String) async throws(DNSError) -> [String] {
        async let later = result { () throws(DNSError) in try await addresses(of: name, .a, AF_INET, 4) }
        let sooner = await result { () throws(DNSError) in try await addresses(of: name, .aaaa, AF_INET6, 16) }
        switch (sooner, await later) {
        case (.success(let one), .success(let other)): return one + other
        case (.success(let only), .failure), (.failure, .success(let only)): return only
        // That there is none of a kind says less than that it is not known.
        case (.failure(let one), .failure(let other)): throw one.isCertain ? other : one
        }
    }

    private func addresses(
        of name: String, _ type: DNSRecordType, _ family: Int32, _ size: Int
    ) async throws(DNSError) -> [String] {
        let message = try await ask(name, type)
        var addresses: [String] = []
        for record in message.records {
            let octets = message.address(of: record)
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            guard octets.count == size, unsafe inet_ntop(family, octets, &text, socklen_t(text.count)) != nil else {
                throw .malformed
            }
            addresses.append(String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self))
        }
        return addresses
    }

    private func result<Value: Sendable>(
        _ body: () async throws(DNSError) -> Value
    ) async -> Result<Value, DNSError> {
        do throws(DNSError) { return .success(try await body()) } catch { return .failure(error) }
    }

    private func ask(_ name: String, _ type: DNSRecordType) async throws(DNSError) -> DNSMessage {
        guard Self.isName(name) else { throw .invalidName }
        let question = DNSQuestion(name: name.lowercased(), type: type, deadline: .now + timeout)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in queue.add(question, continuation) }
        } onCancel: {
            queue.cancel(question)
        }
        return try DNSMessage(try result.get(), answering: question.name, type: type)
    }

    /// RFC 1035 §2.3.1, with the underscores of RFC 2782.
    private static func isName(_ name: String) -> Bool {
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        return (1...253).contains(name.utf8.count)
            && labels.allSatisfy { label in
                (1...63).contains(label.count)
                    && label.allSatisfy { octet in
                        switch octet {
                        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
                            true
                        default: false
                        }
                    }
            }
    }
}
