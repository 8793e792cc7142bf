import Foundation
import GatehouseTransfer
package import WebTokens
import Yams

extension Settings {
    /// Puts the settings together: flags win over the environment, the environment over the file, the file over the defaults.
    ///
    /// - Parameters:
    ///   - flags: by name, without the dashes; a switch has the value `true`.
    ///   - mistakes: what was found wrong before, to be reported with the rest.
    /// - Throws: `SettingsMistakes` with all that is wrong, not only the first.
    package static func load(
        flags: [String: String], environment: [String: String], file: String?, mistakes: [String] = []
    ) throws -> Settings {
        var mistakes = mistakes
        let fromFile = try file.map { try values(inFile: $0, &mistakes) } ?? [:]
        var settings = Settings()
        // `test-limits` sets others, which a more special setting may set again.
        let ordered = Setting.all.sorted { $0.name == "test-limits" && $1.name != "test-limits" }
        for setting in ordered {
            let alias = setting.alias.flatMap { name in environment[name].map { (name, $0) } }
            let own = environment[setting.environmentName]
            if let alias, let own, own != alias.1, flags[setting.name] == nil {
                mistakes.append("\(setting.environmentName) and \(alias.0) are one setting and must not differ")
            }
            let candidates = [
                flags[setting.name].map { ("--\(setting.name)", $0) },
                own.map { (setting.environmentName, $0) },
                alias,
                fromFile[setting.name].map { (Settings.origin(setting.name, file ?? ""), $0) },
            ]
            guard let (origin, value) = candidates.lazy.compactMap({ $0 }).first else { continue }
            settings.origins[setting.name] = origin
            do { try setting.apply(&settings, value) } catch let error as InvalidSetting {
                mistakes.append("\(origin) \(error.reason)")
            }
        }
        mistakes += settings.contradictions()
        guard mistakes.isEmpty else { throw SettingsMistakes(mistakes: mistakes) }
        return settings
    }

    /// Names in the environment that look like ours but are none; probably misspelt.
    package static func unknownNames(in environment: [String: String]) -> [String] {
        let known = Set(
            Setting.all.map(\.environmentName) + Setting.all.compactMap(\.alias) + ["GATEHOUSE_CONFIG"])
        return environment.keys.filter { name in
            !known.contains(name) && !name.hasPrefix("GATEHOUSE_CONFORMANCE_")
                && ["GATEHOUSE_", "AMPHO_SECURITY_"].contains(where: name.hasPrefix)
        }
        .sorted()
    }

    private static func values(inFile path: String, _ mistakes: inout [String]) throws -> [String: String] {
        let data: Data
        do { data = try GivenFile.read(path) } catch {
            mistakes.append("--config: \(error)")
            return [:]
        }
        let node: Node?
        do { node = try Yams.compose(yaml: String(decoding: data, as: UTF8.self)) } catch {
            mistakes.append("--config: \(path) is not YAML: \(error)")
            return [:]
        }
        guard let node else { return [:] }
        guard let mapping = node.mapping else {
            mistakes.append("--config: \(path) must hold lines such as `port: 9096`")
            return [:]
        }
        var values: [String: String] = [:]
        for (key, value) in mapping {
            let name = key.string ?? ""
            let place = "\(path):\(key.mark?.line ?? 1)"
            guard Setting.all.contains(where: { $0.name == name }) else {
                mistakes.append("\(place): there is no setting \(name)")
                continue
            }
            if let scalar = value.scalar {
                values[name] = scalar.string
            } else if let sequence = value.sequence, sequence.allSatisfy({ $0.scalar != nil }) {
                values[name] = sequence.compactMap(\.string).joined(separator: ",")
            } else {
                mistakes.append("\(place): \(name) must be one value or a list")
            }
        }
        return values
    }

    /// What single settings cannot know about each other.
    private func contradictions() -> [String] {
        var found: [String] = []
        if tlsCertificates.isEmpty != tlsKeys.isEmpty {
            found.append("--tls-cert and --tls-key belong together")
        } else if tlsCertificates.count != tlsKeys.count {
            found.append(
                "\(spelling(of: "tls-cert")) names \(tlsCertificates.count) files and \(spelling(of: "tls-key")) "
                    + "\(tlsKeys.count); name a key for each certificate, in the same order")
        }
        let isLocal = host == "localhost" || IPAddress(host)?.isLoopback == true
        if !isLocal && tlsCertificates.isEmpty && trustedProxies.isEmpty && !allowsInsecureHTTP {
            found.append(
                "--host \(host) would send passwords in clear; give --tls-cert and --tls-key, name the --trusted-proxies in front, "
                    + "or insist with --insecure-http")
        }
        return found + signingKeyContradictions() + mailContradictions()
    }

    private func mailContradictions() -> [String] {
        guard let mailServer else {
            // A mistake in the URL is reported as such.
            guard origins["mail-server"] == nil else { return [] }
            // Whoever sets one of them wants mail.
            return origins.keys.filter { $0.hasPrefix("mail-") }.sorted().map { name in
                "\(spelling(of: name)) is of no use without --mail-server"
            }
        }
        var found: [String] = []
        if mailFrom == nil && origins["mail-from"] == nil {
            found.append("\(spelling(of: "mail-server")) needs --mail-from, the sender of mail")
        }
        if mailPassword != nil && mailPasswordFile != nil {
            found.append(
                "\(spelling(of: "mail-password")) and \(spelling(of: "mail-password-file")) both give a password; take one out"
            )
        }
        if (mailUser == nil) != (mailPassword == nil && mailPasswordFile == nil) {
            found.append(
                "--mail-user and its password belong together: --mail-password-file, or GATEHOUSE_MAIL_PASSWORD")
        }
        switch mailSecurity {
        case .tls? where !mailServer.isTLS:
            found.append(
                "\(spelling(of: "mail-tls")) tls needs smtps:// in \(spelling(of: "mail-server")); with smtp:// it is starttls"
            )
        case .startTLS? where mailServer.isTLS:
            found.append(
                "\(spelling(of: "mail-tls")) starttls needs smtp:// in \(spelling(of: "mail-server")); with smtps:// it is tls"
            )
        case SMTPServer.Security.none? where mailServer.isTLS:
            found.append("\(spelling(of: "mail-tls")) none contradicts smtps:// in \(spelling(of: "mail-server"))")
        case SMTPServer.Security.none? where !mailServer.isLocal && !allowsInsecureMail:
            found.append(
                "\(spelling(of: "mail-tls")) none would send passwords and reset links in clear to \(mailServer.host); "
                    + "take it out, or insist with --insecure-mail")
        default: break
        }
        return found
    }

    private func signingKeyContradictions() -> [String] {
        var found: [String] = []
        if signingKey != nil && signingKeyFile != nil {
            found.append(
                "\(spelling(of: "signing-key")) and \(spelling(of: "signing-key-file")) both give a key; take one out")
        }
        if let signingKey, let signingAlgorithm {
            do { _ = try SigningKey(signingKey, algorithm: signingAlgorithm) } catch {
                found.append(
                    "\(spelling(of: "signing-algorithm")) does not fit \(spelling(of: "signing-key")). \(error)")
            }
        }
        if signingKeyRotation > 0 && signingKeyRotation * 86_400 <= signingKeyLeadTime {
            found.append(
                "\(spelling(of: "signing-key-rotation")) must be longer than \(spelling(of: "signing-key-lead-time"))")
        }
        return found
    }

    /// The key that the settings give; nil when they give none.
    ///
    /// - Throws: `SettingsMistakes` when its file holds no key that can sign with the wanted algorithm.
    package func givenSigningKey() throws -> SigningKey? {
        if let signingKey { return try SigningKey(signingKey, algorithm: signingAlgorithm) }
        guard let signingKeyFile else { return nil }
        let name = spelling(of: "signing-key-file")
        let data: Data
        do { data = try GivenFile.read(signingKeyFile) } catch {
            throw SettingsMistakes(mistakes: ["\(name): \(error)"])
        }
        let key: JWK
        do {
            key = try JWK(parsing: Array(data))
            _ = try SigningKey(key)
        } catch { throw SettingsMistakes(mistakes: ["\(name): \(signingKeyFile): \(error)"]) }
        do { return try SigningKey(key, algorithm: signingAlgorithm) } catch {
            throw SettingsMistakes(mistakes: ["\(spelling(of: "signing-algorithm")) does not fit \(name). \(error)"])
        }
    }
}

/// All that is wrong with the settings, a line each.
package struct SettingsMistakes: Error, CustomStringConvertible {
    package let mistakes: [String]
    package var description: String { mistakes.joined(separator: "\n") }
}
