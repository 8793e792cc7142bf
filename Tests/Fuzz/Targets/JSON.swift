import GatehouseJSON

/// Whatever is read says the same when it is written and read again.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let value = try? JSONValue(parsing: Array(UnsafeBufferPointer(start: data, count: size))) else { return 0 }
    guard let again = try? JSONValue(parsing: value.bytes()), again == value else {
        fatalError("\(value.text) does not come back")
    }
    return 0
}
