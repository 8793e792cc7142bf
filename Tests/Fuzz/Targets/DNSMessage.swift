import GatehouseDNS

/// Whatever a name server answers is read or refused, and what is read lies within the message. Octet 12 on is the question.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    let octets = Array(UnsafeBufferPointer(start: data, count: size))
    let questions: [(String, DNSRecordType)] = [("a.test", .txt), ("_opencap._tcp.a.test", .srv), ("a.test", .aaaa)]
    for (name, type) in questions {
        guard let message = try? DNSMessage(octets, answering: name, type: type) else { continue }
        guard !message.records.isEmpty else { fatalError("an answer without records") }
        for record in message.records {
            guard record.data.upperBound <= size, record.timeToLive <= 0x7fff_ffff else { fatalError("\(record)") }
            if let text = try? message.text(of: record), text.count > record.data.count { fatalError("\(text)") }
            _ = message.address(of: record)
            guard let service = try? message.service(of: record) else { continue }
            guard service.target.utf8.count < 255, !service.target.hasSuffix(".") else { fatalError(service.target) }
        }
    }
    return 0
}
