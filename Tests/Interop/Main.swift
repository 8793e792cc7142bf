import Foundation
import GatehouseJSON

/// Our side of the scripts here: one JSON object a line, each answered by a line with the result or with `error`.
/// `TokenVerbs` and `SignatureVerbs` say what can be asked.
@main
struct Main {
    static func main() {
        while let line = readLine() {
            var members: [JSONValue.Member]
            do { members = try answer(JSONValue(parsing: Array(line.utf8))) } catch {
                members = [.init(name: "error", value: .string("\(error)"))]
            }
            FileHandle.standardOutput.write(Data(JSONValue.object(members).bytes() + [UInt8(ascii: "\n")]))
        }
    }

    private static func answer(_ request: JSONValue) throws -> [JSONValue.Member] {
        if let answer = try TokenVerbs.answer(request) { return answer }
        if let answer = try SignatureVerbs.answer(request) { return answer }
        throw Unreadable()
    }
}

/// A question that nobody here understands.
struct Unreadable: Error {}
