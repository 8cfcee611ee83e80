//! The regions of Genesys Cloud and their base domains.

use super::{ConfigError, contradiction};

const DOMAINS: [(&str, &str); 18] = [
    ("us-east-1", "mypurecloud.com"),
    ("us-east-2", "use2.us-gov-pure.cloud"),
    ("us-west-2", "usw2.pure.cloud"),
    ("ca-central-1", "cac1.pure.cloud"),
    ("sa-east-1", "sae1.pure.cloud"),
    ("mx-central-1", "mxc1.pure.cloud"),
    ("eu-west-1", "mypurecloud.ie"),
    ("eu-west-2", "euw2.pure.cloud"),
    ("eu-central-1", "mypurecloud.de"),
    ("eu-central-2", "euc2.pure.cloud"),
    ("me-central-1", "mec1.pure.cloud"),
    ("eusc-de-east-1", "edee1.eusc-pure.cloud"),
    ("ap-northeast-1", "mypurecloud.jp"),
    ("ap-northeast-2", "apne2.pure.cloud"),
    ("ap-northeast-3", "apne3.pure.cloud"),
    ("ap-south-1", "aps1.pure.cloud"),
    ("ap-southeast-1", "apse1.pure.cloud"),
    ("ap-southeast-2", "mypurecloud.com.au"),
];

/// Returns the base domain of a region; a name that contains a dot is taken to be a base domain itself.
pub(super) fn domain(region: &str) -> Result<&str, ConfigError> {
    let known = DOMAINS.iter().find(|(name, _)| *name == region).map(|(_, domain)| *domain);
    known.or(region.contains('.').then_some(region)).ok_or_else(|| {
        let names: Vec<_> = DOMAINS.iter().map(|(name, _)| *name).collect();
        contradiction(
            "genesys.region",
            format!("{region:?} is not a known region; use a base domain or one of {}", names.join(", ")),
        )
    })
}
