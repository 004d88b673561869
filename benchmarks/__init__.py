"""loadkit beside other load generators on the same work in the same minute."""
