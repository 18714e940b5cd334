//! The texts of rules and caveats in Japanese, by their ids. The English ones are with the rules.
//!
//! Names of fields, options, commands and permissions stay as they are.

use super::caveats::CAVEATS as ENGLISH;

/// What a finding says in Japanese.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct JapaneseFinding {
    /// What the findings of its rule are called.
    pub title: &'static str,
    /// What to do about one.
    pub remediation: &'static str,
}

/// Rule, title, remediation.
const FINDINGS: &[(&str, &str, &str)] = &[
    (
        "key-pending-deletion-used",
        "必要とされているキーが削除待ちになっている",
        "aws kms cancel-key-deletion、続けて enable-key を実行します。そのうえで、まだキーを使っているものを特定します。",
    ),
    (
        "key-deleted-used",
        "必要とされていたキーが削除されている",
        "このキーを必要としない保存先からデータを復元します。マルチリージョンキーの場合、レプリカが残っている可能性があります。",
    ),
    (
        "policy-public",
        "すべての人を対象とするキーポリシー",
        "プリンシパルを明示するか、kms:CallerAccount または aws:PrincipalOrgID の条件を追加します。",
    ),
    (
        "key-disabled-used",
        "必要とされているキーが無効になっている",
        "aws kms enable-key を実行するか、まだこのキーを使っているものを別のキーに移します。",
    ),
    (
        "disable-then-delete",
        "1時間以内に無効化と削除予約が行われたキー",
        "実行したプリンシパルに確認します。キーの所有者の判断でなければ、cancel-key-deletion を実行し、そのプリンシパルの認証情報は盗まれたものとして扱います。",
    ),
    (
        "lockout-check-bypassed",
        "ロックアウト防止チェックを省いて設定されたキーポリシー",
        "キーポリシーを読み、PutKeyPolicy を呼び出せる者がいることを確認します。",
    ),
    (
        "grant-external",
        "別アカウントのプリンシパルへのグラント",
        "相手のアカウントについてキーの所有者に確認するか、グラントを取り消します。",
    ),
    (
        "new-account",
        "これまでこのキーを使ったことのない別アカウント",
        "キーの所有者に確認します。キーポリシーまたはグラントが、そのアカウントを許可しています。",
    ),
    (
        "trail-stopped",
        "停止または削除された証跡",
        "証跡を再開し、その期間を記録した別の証跡のアーカイブを探します。",
    ),
    (
        "trail-excludes-kms",
        "KMS を記録しない証跡",
        "ExcludeManagementEventSources または高度なイベントセレクターから、kms.amazonaws.com の除外を外します。",
    ),
    (
        "share-untrusted",
        "信頼済みでないアカウントまたは組織との共有",
        "利用者についてリソースの所有者に確認するか、共有またはポリシーから外します。",
    ),
    (
        "share-policy-wide",
        "すべての人、またはすべてのアクションを許可するリソースポリシー",
        "必要なアカウントとアクションだけを指定します: put-model-package-group-policy。",
    ),
    (
        "share-used-after-end",
        "共有の終了後のリソース使用",
        "現在共有されているものを一覧します: aws ram list-principals、get-model-package-group-policy。",
    ),
    (
        "share-changed-by-others",
        "別アカウントが削除・変更・再共有したリソース",
        "呼び出し元に確認し、ポリシーまたは許可からそのアクションを外し、失われたものを復元します。",
    ),
    (
        "policy-case",
        "ロール名の大文字・小文字が実際と異なるキーポリシー",
        "aws iam get-role が示すとおりに ARN を記述します。",
    ),
    (
        "policy-missing",
        "ワークロードに必要な許可が欠けているキーポリシー",
        "キーポリシーに追加します。keytrail policy suggest が該当するステートメントを出力します。",
    ),
    (
        "policy-offline-store-via-sagemaker",
        "SageMaker 経由の呼び出しだけに許可されたオフラインストアのキー",
        "代わりに s3.REGION.amazonaws.com を指定するか、条件を削除します。",
    ),
    (
        "policy-wide",
        "1つのプリンシパルに使用と管理の両方を許可するキーポリシー",
        "管理者用と利用者用のステートメントを分けます。keytrail policy suggest が案を出力します。",
    ),
    (
        "canvas-key-mismatch",
        "Canvas のデータが設定とは別のキーで保存されている",
        "ドメインの設定、バケットのデフォルト暗号化、バケットポリシーで同じキーを指定します。",
    ),
    (
        "dead-key-asked-for",
        "使用できないキーが繰り返し要求されている",
        "プリンシパルを手がかりにジョブを特定します。キーを有効にするか、ジョブに別のキーを指定します。",
    ),
    ("rotation-disabled", "自動ローテーションが無効にされた", "aws kms enable-key-rotation を実行します。"),
    (
        "deletion-window-shortest",
        "最短の待機期間で削除が予約されたキー",
        "削除を取り消せるうちに、キーが不要であることを確認します。",
    ),
    (
        "grant-stale",
        "使われていない有効なグラント",
        "作成者に確認します。不要であれば aws kms revoke-grant を実行するか、RetiringPrincipal が retire-grant を実行します。",
    ),
    ("grant-orphaned", "作り直されたプリンシパルに対するグラント", "古いほうのグラントを取り消します。"),
    (
        "grant-used-after-end",
        "グラント終了後のキーの使用",
        "アクセスを終わらせるべき場合は、キーポリシーと IAM ポリシーからもそのプリンシパルを外します。",
    ),
    (
        "grant-quota",
        "グラント数が上限に近いキー",
        "使われていないグラントの使用を停止 (retire-grant) するか、クォータの引き上げを申請します。",
    ),
    (
        "pipeline-run-by-others",
        "別アカウントが実行しているパイプライン",
        "閲覧だけでよい場合は、AWSRAMDefaultPermissionSageMakerPipeline で共有します。",
    ),
    (
        "used-without-share",
        "確認できる共有なしに別アカウントが使用したリソース",
        "共有されているものを一覧します: aws ram list-principals、get-model-package-group-policy、get-key-policy。",
    ),
    (
        "share-refused-by-kms",
        "共有リソースの利用者が KMS に拒否されている",
        "キーポリシーで利用者のアカウントを許可し、利用者側の IAM ポリシーでも呼び出しを許可します。不要であれば共有を終了します。",
    ),
    (
        "offline-store-misfit",
        "オフラインストアのロールまたはキーが特徴量グループと合っていない",
        "特徴量グループと同じアカウントのロールとキーを指定して、特徴量グループを作成します。",
    ),
    (
        "permission-changed-for-all",
        "すべての共有に一度に適用された許可の変更",
        "バージョンを比較します: aws ram get-permission。",
    ),
    (
        "share-promotion-failed",
        "ポリシーから作られた共有の昇格に失敗した",
        "ポリシーではロールではなくアカウントと、必要なアクションを指定します。そのうえで許可と共有を昇格させます。",
    ),
    (
        "admin-who-uses",
        "キーを管理し、かつ使用しているプリンシパル",
        "2つの役割を別々のロールに分け、それぞれから不要な権限を外します。",
    ),
    (
        "new-region",
        "これまで使っていなかったリージョンで KMS を呼び出したプリンシパル",
        "プリンシパルの所有者に確認します。誰も使わないリージョンは、サービスコントロールポリシーで拒否できます。",
    ),
    (
        "policy-not-used",
        "誰も使っていないキーポリシーの許可",
        "所有者に確認します。keytrail policy suggest が、それらを除いたポリシーを出力します。",
    ),
    ("policy-without-effect", "効果のないキーポリシーの記述", "削除するか、意図した内容に書き直します。"),
    (
        "grant-wide",
        "使われている範囲より広いグラント",
        "使われている操作だけのグラントを作成してから、このグラントを取り消します。",
    ),
    (
        "grant-without-constraints",
        "制約のないグラント",
        "EncryptionContextSubset を指定したグラントを作成してから、このグラントを取り消します。",
    ),
    (
        "share-not-discoverable",
        "使用できるが検索できない共有リソース",
        "許可と共有を昇格させるか、ポリシーではなく AWS RAM で共有します。",
    ),
    ("share-invitation-open", "承諾されていない招待", "利用者に確認するか、共有から外します。"),
    ("share-never-used", "誰も使っていない共有", "利用者に確認し、不要であれば共有を終了します。"),
    (
        "share-external-by-default",
        "デフォルトのまま組織外のアカウントを許可している共有",
        "aws ram update-resource-share --no-allow-external-principals を実行します。",
    ),
    (
        "new-principal",
        "これまでこのキーを使ったことのないプリンシパル",
        "そのプリンシパルがキーを使ってよいか、キーの所有者に確認します。",
    ),
    (
        "new-address",
        "これまでと異なるアドレスから KMS を呼び出したプリンシパル",
        "アドレスを自社のネットワークと照合し、そのセッションのほかの呼び出しを普段のものと比較します。",
    ),
    (
        "refused-repeatedly",
        "繰り返し拒否されているプリンシパル",
        "権限を付与するか、ジョブを停止します。どのポリシーが拒否したかは events.parquet の error_message と denied_by に示されます。",
    ),
    (
        "policy-retire-grant",
        "キーポリシー内の kms:RetireGrant",
        "削除します。グラントを終わらせる権限をポリシーで与えるには、kms:RevokeGrant を許可します。",
    ),
    (
        "share-never-promoted",
        "昇格されていない、ポリシーから作られた共有",
        "aws ram list-resource-share-permissions が featureSet を示します。CREATED_FROM_POLICY であれば昇格させます。",
    ),
    ("rotation-enabled", "自動ローテーションが有効にされた", "対処は不要です。"),
];

/// Caveat, text. `{}` stands for what it stands for in English.
const CAVEATS: &[(&str, &str)] = &[
    (
        "zero_events",
        "選択されたイベントはありません。ただし、どのキーも使われていないことの証明にはなりません。証跡が KMS を除外している場合や、呼び出しがこの入力の範囲外にある場合があり、また AWS 所有キーの使用は顧客の証跡には記録されません。",
    ),
    (
        "trail_excludes_kms",
        "KMS の呼び出しを記録しない設定にされた証跡またはイベントデータストアがあります (すべて、読み取りのみの Decrypt や GenerateDataKey、それ以外の CreateGrant など、または名前による一部): {}。この設定の間、アーカイブには KMS の使用が欠けています。",
    ),
    (
        "logging_stopped",
        "停止または削除された証跡またはイベントデータストアがあります: {}。どの証跡も記録していない間の呼び出しは、どのアーカイブにもありません。すべての期間は run.json の coverage.trail_periods にあります。",
    ),
    (
        "trail_change_failed",
        "証跡またはイベントデータストアの停止、削除、設定変更が試みられました。呼び出しは失敗し、何も変わっていません: {}。",
    ),
    (
        "nothing_learned",
        "入力からの学習を行っていません (--no-learn)。ほかのレコードからしか分からないワークロードは欠け、エイリアスだけを指定した呼び出しにはキーがなく、訂正されたイベントは訂正と並んで数えられ、証跡の停止は報告されません。",
    ),
    (
        "not_all_read",
        "読み取れなかったものがあるため、件数は下限値です。該当する入力は inputs.parquet、レコードは rejects.parquet にあります。",
    ),
    (
        "skipped_unread",
        "レコードを含む可能性がありながら読み飛ばした入力があります: {}。その内容は一切数えられておらず、理由は inputs.parquet にあります。展開する、UTF-8 で保存する、または最初のレコードの前にあるものを確認したうえで、再度実行してください。",
    ),
    (
        "unreadable_wrappings",
        "KMS またはレコードの要素の名前を含むものの、読み取れない形式の入力があります: {}。そのイベントはこのレポートに含まれていません。該当する入力は inputs.parquet (reason が unreadable_wrapping)、読み取れる形式は docs/report-schema.md にあります。",
    ),
    (
        "misnamed_inputs",
        "CloudTrail ログの名前を持ちながら、CloudTrail のレコードを含まない入力があります: {}。inputs.parquet を参照してください。",
    ),
    (
        "lossy_inputs",
        "ほかのツールの出力からレコードを復元した入力があります: {} (inputs.parquet の shape)。ツールが省いた内容は不明で、呼び出し元、キー、ワークロードが欠けている可能性があります。すべてを得るには、レコード全体を出力してください。",
    ),
    (
        "missing_days",
        "最初と最後の配信の間に、アーカイブのない日があります: {}。CloudTrail は何も起きなければ何も出力しないため、何もなかった日か、欠落かのいずれかです。全一覧は run.json の coverage にあります。",
    ),
    (
        "refusals_at_caller",
        "権限不足で拒否された呼び出しは、CloudTrail では呼び出し元のアカウントにしか記録されません。別アカウントの誰が拒否されたかを知るには、そのアカウントのアーカイブを読んでください。",
    ),
    (
        "aws_owned_keys",
        "AWS 所有キーの使用は、顧客の証跡には記録されません。地理空間ジョブとオンライン特徴量ストアは、デフォルトでこのようなキーを使います。また、データキーの呼び出し1件の記録が、多数の操作に対応することがあります。",
    ),
    (
        "bucket_keys",
        "バケットは示すがオブジェクトは示さないイベントがあります: {}。S3 バケットキーはオブジェクトを隠し、呼び出しを減らします。実際の読み書きは、これよりはるかに多数です。",
    ),
    (
        "unattributed_bucket_keys",
        "S3 バケットキーがオブジェクトを隠すため、ワークロードを特定できなかった S3 バケットの呼び出しがあります: {}。これらは数えられていません。表示するには `--workload any` を追加してください。",
    ),
    (
        "named_by_anyone",
        "ロール、セッション、パスの名前によって分類されたイベントがあります: {}。これらの名前を使える者は誰でも、同じ分類になります。",
    ),
    (
        "ambiguous_workload",
        "複数のワークロードに同じ強さの根拠があり、ラベルを + でつないだイベントがあります: {}。",
    ),
    (
        "shared_by_workloads",
        "複数のワークロードに使われたものがあります: {}。1件の呼び出しのラベルは、そのキーやプリンシパルのほかの呼び出しについて何も示しません。",
    ),
    (
        "keys_used_otherwise",
        "最後の使用が選択範囲外の呼び出しであるキーがあります: {}。last_event_time は選択された呼び出しだけを、usage.parquet の key_last_used_time は読み取ったすべての呼び出しを対象とします。",
    ),
    (
        "too_many_keys",
        "入力には100,000を超えるキーがあり、keytrail は100,000個の最終使用だけを保持します。key_last_used_time が空の場合、不明である可能性があります。アカウントまたはリージョンごとに実行してください。",
    ),
    (
        "log_readers",
        "CloudTrail のログファイルを復号した呼び出し元 (暗号化コンテキストに aws:cloudtrail:arn を含むもの) と、選択の有無によらないその呼び出し数です: {}。CloudTrail 自身による配信は含みません。",
    ),
    (
        "service_calls",
        "AWS サービスが自身の ID で行った呼び出しがあります: {}。そのレコードには、ロールも、誰のジョブであったかも示されません。",
    ),
    (
        "through_s3",
        "S3 が呼び出し元のセッションで行った呼び出しがあります: {}。この場合、invoked_by は S3 であり、S3 にオブジェクトを要求したサービスではありません。",
    ),
    (
        "log_delivery",
        "CloudTrail が自身のログを配信した呼び出しがあります (cloudtrail.amazonaws.com、暗号化コンテキストに aws:cloudtrail:arn): {}。",
    ),
    (
        "omitted_fields",
        "大きすぎるため、または秘匿のために、一部が省かれたイベントがあります (omitted_fields): {}。このようなイベントの空の列は、値が不明であることを意味する場合があります。",
    ),
    (
        "accounts_not_covered",
        "キーまたは呼び出し元のアカウントのうち、入力にアーカイブのないものがあります: {}。これらのアカウントがこのキーでほかに何をしたかは不明です。確認するには、そのアーカイブを追加してください。",
    ),
    (
        "multi_region_keys",
        "使用されたマルチリージョンキーがあります: {}。レプリカの使用は、レプリカのリージョンに別の ARN で記録されます (key_family は同じです)。",
    ),
    (
        "assumed_key",
        "キー ID だけを示すため、キーのアカウントとリージョンをレコードのものと仮定したイベントがあります (key_origin = assumed): {}。",
    ),
    ("no_key", "どのキーを使ったかを示さないイベントがあります (key_arn が null): {}。"),
    (
        "unknown_callers",
        "呼び出し元を示さないイベントがあります。プリンシパルは `unknown`、または `***` のような伏せ字で、複数の呼び出し元が含まれる可能性があります: {}。CloudTrail は必ず呼び出し元を記録するため、ほかのプログラムが省いたものです。元のアーカイブを確認してください。",
    ),
    (
        "owner_copy_only",
        "キーの所有者側のレコードしか入力にないクロスアカウントの呼び出しがあります: {}。このレコードは呼び出し元のアカウントを示すことはあっても、ロールは示しません。呼び出し元を知るには、そのアカウントのアーカイブを追加してください。",
    ),
    (
        "conflicts",
        "eventID とアカウントが別のイベントと同じで、内容が異なるイベントがあります (すべて数えています): {}。CloudTrail はこのようなイベントを出力しません。アーカイブの出所を確認してください。",
    ),
    (
        "foreign_corrections",
        "名前から見て別アカウントのアーカイブにしかない訂正によって、置き換えられたイベントがあります: {}。CloudTrail は、訂正をイベントのアカウントに配信します。アーカイブの出所を確認してください。該当するイベントは superseded.parquet (class が corrected) にあります。",
    ),
    (
        "disbelieved_corrections",
        "ダイジェストで検証されていないアーカイブに訂正があります: {}。--trust verified により何も置き換えていないため、元のイベントと並んで数えられています。",
    ),
    (
        "disbelieved_copies",
        "ダイジェストで検証されていないアーカイブに、sharedEventID を持つ選択されたイベントがあります: {}。--trust verified により、ほかのアカウントの記録を置き換えることも、置き換えられることもありません。二重に数えた呼び出しがある可能性があります。",
    ),
    (
        "disbelieved_facts",
        "ダイジェストで検証されていないアーカイブに、ワークロード、セッション、エイリアス、フォルダーについての記述があります: {}。--trust verified により、そこからは何も学習していません。",
    ),
    (
        "no_event_id",
        "eventID がなく、重複を識別できないイベントがあります: {}。重複もすべて数えられています。",
    ),
    (
        "duplicates_kept",
        "配信されたすべての写しを数えています (--keep-duplicates)。件数は呼び出し数ではなく配信数です。",
    ),
    (
        "events_gone",
        "以前の実行ではレポートに含まれ、現在はどのアーカイブにもない KMS イベントがあります: {}。その後アーカイブが置換、短縮、または空にされたため (run.json の archives_replaced)、これらのイベントはレポートから外れました。次回の実行では、改めて報告されません。",
    ),
    (
        "integrity_broken",
        "ダイジェストにより、ファイルの変更、削除、または追加が判明しました: {}。該当するファイルは integrity.parquet にあります。これらのアーカイブのイベントも数えられています (各表の `integrity`)。",
    ),
    (
        "integrity_without_keys",
        "入力にダイジェストはありますが、公開鍵が指定されていないため、どのアーカイブも検証していません。この期間とリージョンの `aws cloudtrail list-public-keys` の出力を保存し、--digest-keys で指定してください。",
    ),
    (
        "unverified_events",
        "どのダイジェストでも検証されていないアーカイブに、選択されたイベントがあります: {}。公開鍵についてのダイジェストの情報がどこまで確かかは、その鍵を提供した者によります (integrity.parquet の key_source)。",
    ),
    (
        "names_disagree",
        "名前が示すアカウントまたはリージョンが、内部の KMS レコードと異なるアーカイブがあります: {}。レポートはレコードの内容に従います。ただし、S3 のフォルダーの選択と欠落日の検出は、名前に従います。",
    ),
    (
        "folders_chosen",
        "S3 では、指定されたアカウント、リージョン、配信日 (--account、--region、--since、--delivery-slack を加えた --until) のフォルダーだけを一覧しました。ほかのフォルダーのレコードは、遅れて配信されたものであっても数えられず、学習にも使われていません。キーは key_last_used_time より後に使われた可能性があります。すべてのフォルダーを読むには --no-prune を追加してください。",
    ),
];

/// The texts of a rule's findings in Japanese, by the rule's id.
pub fn japanese_finding(rule: &str) -> Option<JapaneseFinding> {
    let (_, title, remediation) = FINDINGS.iter().find(|(id, ..)| *id == rule)?;
    Some(JapaneseFinding { title, remediation })
}

/// A caveat of a report in Japanese, with `{}` for its number or list, and that number or list as
/// the English sentence has it. `None`: this version does not have the caveat in these words.
pub fn japanese_caveat<'t>(id: &str, english: &'t str) -> Option<(&'static str, Option<&'t str>)> {
    let rule = ENGLISH.iter().find(|rule| rule.id == id)?;
    let (_, text) = CAVEATS.iter().find(|(known, _)| *known == id)?;
    match rule.text.split_once("{}") {
        None => (rule.text == english).then_some((text, None)),
        Some((before, after)) => {
            let value = english.strip_prefix(before)?.strip_suffix(after)?;
            Some((text, Some(value).filter(|_| text.contains("{}"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::findings::FINDING_RULES;
    use super::*;

    fn is_japanese(text: &str) -> bool {
        text.chars().any(|c| matches!(c, '\u{3040}'..='\u{30ff}')) && !text.contains("TODO")
    }

    #[test]
    fn every_rule_has_both_languages() {
        let ids: Vec<&str> = FINDING_RULES.iter().map(|rule| rule.id).collect();
        let known: Vec<&str> = FINDINGS.iter().map(|(id, ..)| *id).collect();
        for id in &ids {
            let found = japanese_finding(id).unwrap_or_else(|| panic!("{id} has no Japanese text"));
            assert!(is_japanese(found.title) && is_japanese(found.remediation), "{id}");
        }
        assert_eq!(known.len(), ids.len(), "a text without a rule, or twice");
    }

    #[test]
    fn every_caveat_has_both_languages() {
        for rule in ENGLISH {
            let sentence = rule.text.replacen("{}", "12", 1);
            let found = japanese_caveat(rule.id, &sentence);
            let (text, value) = found.unwrap_or_else(|| panic!("{} has no Japanese text", rule.id));
            assert!(is_japanese(text), "{}", rule.id);
            // What could not be read is in two tables, which the Japanese sentence names.
            let has_value = rule.text.contains("{}") && rule.id != "not_all_read";
            assert_eq!(value, has_value.then_some("12"), "{}", rule.id);
            assert_eq!(text.matches("{}").count(), usize::from(has_value), "{}", rule.id);
            assert_eq!(japanese_caveat(rule.id, "Other words."), None, "{}", rule.id);
        }
        assert_eq!(CAVEATS.len(), ENGLISH.len(), "a text without a caveat, or twice");
    }
}
