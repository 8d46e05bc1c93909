from dexkit.hooks import load_plugins
from dexkit.testing import check_encoder


def test_encoder_keeps_the_contract_of_dexkit():
    plugins = load_plugins(only=["plugin-template"])
    assert plugins.failures == []
    check_encoder(plugins.encoder("plugin-template"))
